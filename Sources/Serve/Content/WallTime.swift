import Glibc

/// A moment that another process can make sense of.
struct WallTime: Hashable, Sendable {
    /// Since 1970.
    let seconds: Int64

    static var now: WallTime { WallTime(seconds: Int64(time(nil))) }

    /// Whether it is not longer ago than a duration, and not ahead of time either: clocks are set back.
    func isWithin(_ duration: Duration, of now: WallTime) -> Bool {
        (0..<max(1, duration.components.seconds)).contains(now.seconds - seconds)
    }
}
