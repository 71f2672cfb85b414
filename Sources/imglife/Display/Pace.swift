/// How many bytes a second become done, for telling how long the rest will take.
///
/// Over half of the time so far, ten to sixty seconds: a rate that has changed is soon known, and one that goes up and
/// down makes no difference. One pause in that time, as a registry makes it that wakes up or asks for patience, is no
/// new rate.
struct Pace {
    private static let shortest = Duration.seconds(10)
    private static let longest = Duration.seconds(60)
    /// Less time than this says nothing.
    private static let minimum = Duration.seconds(1)

    private var samples: [(time: Duration, bytes: Int64)] = []

    /// Adds what is done in all at a time since the run began, later than that of the sample before.
    mutating func add(bytes: Int64, at time: Duration) {
        samples.append((time, bytes))
        let window = min(max(time / 2, Self.shortest), Self.longest)
        // The newest sample outside the window is kept: it is where the window begins.
        let outside = samples.dropFirst().prefix { $0.time <= time - window }.count
        samples.removeFirst(outside)
    }

    /// In bytes a second; `nil` while too little is known to tell.
    var bytesPerSecond: Double? {
        guard let first = samples.first, let last = samples.last, last.time - first.time >= Self.minimum else {
            return nil
        }
        let whole = last.time - first.time
        let moving = whole - min(longestPause, whole / 6)
        return Double(max(0, last.bytes - first.bytes)) / (moving / .seconds(1))
    }

    /// The longest time without a byte.
    private var longestPause: Duration {
        guard var last = samples.first else { return .zero }
        var pause = Duration.zero
        for sample in samples {
            pause = max(pause, sample.time - last.time)
            if sample.bytes > last.bytes { last = sample }
        }
        return pause
    }
}
