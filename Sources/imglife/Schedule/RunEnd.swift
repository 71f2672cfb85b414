import FoundationEssentials
import Sync

/// When and how a run ended, as it is kept for the time after a restart.
struct RunEnd: Codable, Hashable, Sendable {
    /// The year 10000, in seconds since 1970.
    static let latest = 253_402_300_800.0

    /// In seconds since 1970.
    let time: Double
    /// In seconds.
    let duration: Double
    let isSuccess: Bool
    /// When a run last ended without an error, this one included.
    let lastSuccess: Double?

    /// - Parameters:
    ///   - report: what the run came to.
    ///   - ended: when.
    ///   - lastSuccess: when a run last ended without an error, before this one.
    ///   - hasFailed: whether something failed that no tag's row tells.
    init(_ report: SyncReport, ended: Date, lastSuccess: Double?, hasFailed: Bool) {
        time = ended.timeIntervalSince1970.rounded()
        duration = (report.duration / .seconds(1) * 1000).rounded() / 1000
        isSuccess = report.errors + report.hookErrors == 0 && !hasFailed
        self.lastSuccess = isSuccess ? time : lastSuccess
    }

    /// Whether its numbers are such as can be.
    var isPlausible: Bool {
        [time, duration, lastSuccess ?? 0].allSatisfy { (0..<Self.latest).contains($0) }
    }
}
