import Cache
import NIOCore
import OCI
import Synchronization

/// Which files have been hashed since they were last changed, so that they are served without hashing them again.
///
/// A file is known by its device, inode, size and times; damage that leaves them all as they were is for
/// `imglife cache verify` to find. Bounded in number and in time.
final class VerifiedFiles: Sendable {
    private static let capacity = 1 << 16
    private static let pieceSize = 256 << 10

    private struct State {
        // When each was verified. Two generations, so that forgetting costs nothing: the older one goes as a whole.
        var recent: [BlobFile.Identity: ContinuousClock.Instant] = [:]
        var older: [BlobFile.Identity: ContinuousClock.Instant] = [:]
    }

    private let lifetime: Duration
    private let metrics: ServeMetrics
    private let work = DetachedWork()
    private let verifications: Flights<BlobFile.Identity, Bool>
    private let state = Mutex(State())

    init(lifetime: Duration, metrics: ServeMetrics) {
        self.lifetime = lifetime
        self.metrics = metrics
        verifications = Flights(work)
    }

    /// Runs the verifications that are begun, until the task is cancelled.
    func run() async {
        await work.run()
    }

    func contains(_ file: BlobFile) -> Bool {
        let verifiedAt = state.withLock { $0.recent[file.identity] ?? $0.older[file.identity] }
        return verifiedAt.map { $0.duration(to: .now) < lifetime } ?? false
    }

    func insert(_ file: BlobFile) {
        state.withLock { state in
            if state.recent.count >= Self.capacity / 2 {
                state.older = state.recent
                state.recent = [:]
            }
            state.recent[file.identity] = .now
        }
    }

    /// Reads a file whole and hashes it, unless that has been done; once for all who ask at the same time.
    ///
    /// It goes on when they leave, so that nobody can have the same file hashed again and again.
    ///
    /// - Returns: whether its bytes are right; not when the disk cannot give them back.
    /// - Throws: ``CacheError``; ``ServeError`` when too many are under way; `CancellationError`.
    func verify(_ file: BlobFile) async throws -> Bool {
        if contains(file) { return true }
        return try await verifications.value(for: file.identity) { try await self.hash(file) }
    }

    @concurrent
    private func hash(_ file: BlobFile) async throws -> Bool {
        // Whoever asked between the end of one flight and its note joins a second one.
        if contains(file) { return true }
        metrics.count(.verification)
        var hasher = DigestHasher(file.digest.algorithm)
        var offset: Int64 = 0
        while offset < file.size {
            try Task.checkCancellation()
            let count = Int(min(Int64(Self.pieceSize), file.size - offset))
            guard let piece = try file.readUnlessLost(at: offset, atMost: count), piece.readableBytes > 0 else {
                return false
            }
            hasher.update(piece)
            offset += Int64(piece.readableBytes)
        }
        guard hasher.finalize() == file.digest else { return false }
        insert(file)
        return true
    }
}
