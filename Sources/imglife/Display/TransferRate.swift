/// How many bytes a second have passed, smoothed over the last five seconds.
struct TransferRate {
    /// Less time than this says nothing.
    private static let minimum: Duration = .seconds(1)

    private static let window: Duration = .seconds(5)
    private var samples: [(time: Duration, bytes: Int64)] = []

    /// Adds what has passed in all at a time since the run began, later than that of the sample before.
    mutating func add(bytes: Int64, at time: Duration) {
        samples.append((time, bytes))
        // The newest sample outside the window is kept: it is where the window begins.
        while samples.count > 1, samples[1].time <= time - Self.window { samples.removeFirst() }
    }

    /// In bytes a second; `nil` while too little time has passed to tell.
    var bytesPerSecond: Double? {
        guard let first = samples.first, let last = samples.last, last.time - first.time >= Self.minimum else {
            return nil
        }
        return Double(max(0, last.bytes - first.bytes)) / ((last.time - first.time) / .seconds(1))
    }
}
