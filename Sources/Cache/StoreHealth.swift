import Glibc
import OCI
import Synchronization

/// Whether the disk under the cache can still be trusted, as far as this scope has seen.
///
/// After a failed write, or when several files cannot be read, nothing more is asked of it: whatever it says of a file
/// or of the index could be wrong, and healthy after the next mount.
final class StoreHealth: Sendable {
    /// So many different files that cannot be read mean that the disk fails.
    static let unreadableLimit = 3

    private struct State {
        var failure: CacheError?
        var unreadable: Set<Digest> = []
    }

    private let state = Mutex(State())

    /// - Throws: what ended the use of the cache.
    func check() throws(CacheError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    var isFailed: Bool { state.withLock { $0.failure != nil } }

    /// Takes note of an error; one that says that the disk or the index fails ends the use of the cache.
    func note(_ error: CacheError) {
        guard error.kind == .damagedIndex || error.code == EIO else { return }
        state.withLock { $0.failure = $0.failure ?? error }
    }

    /// Takes note that a blob could not be read.
    func noteUnreadable(_ digest: Digest, _ error: CacheError) {
        state.withLock { state in
            state.unreadable.insert(digest)
            guard state.unreadable.count >= Self.unreadableLimit else { return }
            state.failure = state.failure ?? error
        }
    }
}
