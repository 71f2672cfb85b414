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
    private let state = Mutex(State())

    init(lifetime: Duration) {
        self.lifetime = lifetime
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

    /// Reads a file whole and hashes it, unless that has been done.
    ///
    /// - Returns: whether its bytes are right.
    @concurrent
    func verify(_ file: BlobFile) async throws -> Bool {
        if contains(file) { return true }
        var hasher = DigestHasher(file.digest.algorithm)
        var offset: Int64 = 0
        while offset < file.size {
            try Task.checkCancellation()
            let piece = try file.read(at: offset, atMost: Int(min(Int64(Self.pieceSize), file.size - offset)))
            guard piece.readableBytes > 0 else { return false }
            hasher.update(piece)
            offset += Int64(piece.readableBytes)
        }
        guard hasher.finalize() == file.digest else { return false }
        insert(file)
        return true
    }
}
