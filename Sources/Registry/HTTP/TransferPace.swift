import Concurrency

/// Notices transfers that move, but too slowly to ever end.
struct TransferPace {
    private static let window = Duration.seconds(300)
    private static let floor = 300 << 10
    static let tooSlow = "the transfer is slower than 1 KiB/s"

    private let timer: Timer
    private var started = Duration.zero
    private var waited = Duration.zero
    private var bytes = 0

    init(timer: Timer) {
        self.timer = timer
    }

    /// The wait for the next bytes begins; the time in which the receiver is busy does not count.
    mutating func starts() { started = timer.now() }

    /// - Returns: `false` once less than 1 KiB/s came over five minutes of waiting.
    mutating func isAcceptable(after count: Int) -> Bool {
        waited += timer.now() - started
        bytes += count
        guard waited >= Self.window else { return true }
        defer {
            waited = .zero
            bytes = 0
        }
        return bytes >= Self.floor || count == 0
    }
}
