import Synchronization

/// How much memory the lanes of all downloads may hold together.
final class LaneBudget: Sendable {
    /// In bytes, for each of the two lanes; the buffers are the same ones while neither lane is far behind.
    static let total = 8 << 20
    /// What one download's lane may always hold: a few reads from the network.
    static let minimum = 512 << 10

    private let active = Mutex(0)

    /// What each lane may hold at this moment, in bytes.
    var share: Int {
        max(Self.minimum, Self.total / max(1, active.withLock { $0 }))
    }

    /// Counts a download in while it runs.
    func withShare<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        active.withLock { $0 += 1 }
        defer { active.withLock { $0 -= 1 } }
        return try await body()
    }
}
