import Concurrency
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
    /// How long one that cannot be read counts: a server runs for months.
    private static let memory = Duration.seconds(3600)
    /// More damaged files than are left in their places on any disk that is of use.
    private static let damagedLimit = 10_000
    /// How long a download counts that was refused its place after readers had been told that it comes.
    private static let refusalMemory = Duration.seconds(30)

    private struct State {
        var failure: CacheError?
        /// When each was found.
        var unreadable: [Digest: Duration] = [:]
        var refusal: (error: CacheError, time: Duration)?
        /// Files that hold other bytes than their names say.
        var damaged: Set<FileStatus.Version> = []
    }

    /// Says once what ended the use of the cache.
    let failed = Signal<CacheError>()

    /// Not the wall clock, which may be put right meanwhile.
    private let timer: Timer
    private let state = Mutex(State())

    init(clock: any Clock<Duration> = ContinuousClock()) { timer = Timer(clock) }

    /// - Throws: what ended the use of the cache.
    func check() throws(CacheError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    var isFailed: Bool { state.withLock { $0.failure != nil } }

    /// Takes note of an error; one that says that the disk or the index fails, or that what is open is another one's by
    /// now, ends the use of the cache.
    func note(_ error: CacheError) {
        guard error.kind == .damagedIndex || error.isOfFailingDisk || error.code == ESTALE else { return }
        end(with: error)
    }

    /// Takes note that a blob could not be read.
    func noteUnreadable(_ digest: Digest, _ error: CacheError) {
        let now = timer.now()
        let isFailing = state.withLock { state in
            state.unreadable = state.unreadable.filter { $0.value > now - Self.memory }
            state.unreadable[digest] = now
            return state.unreadable.count >= Self.unreadableLimit
        }
        if isFailing { end(with: error) }
    }

    /// Takes note that blobs are there anew, and whole.
    func noteCommitted(_ digests: some Sequence<Digest>) {
        state.withLock { state in
            guard !state.unreadable.isEmpty else { return }
            for digest in digests { state.unreadable[digest] = nil }
        }
    }

    /// Takes note that a file holds other bytes than its name says: for as long as it is the same one, its blob is not here.
    ///
    /// - Returns: whether that is news.
    func noteDamaged(_ file: FileStatus.Version) -> Bool {
        state.withLock { state in
            if state.damaged.count >= Self.damagedLimit { state.damaged = [] }
            return state.damaged.insert(file).inserted
        }
    }

    func isDamaged(_ file: FileStatus.Version) -> Bool { state.withLock { $0.damaged.contains(file) } }

    /// Takes note that readers of a download were cut off because the disk refused its bytes, whatever room it tells of.
    func noteCutOff(_ error: CacheError) {
        guard error.isOfKeeping else { return }
        let now = timer.now()
        state.withLock { $0.refusal = (error, now) }
    }

    /// Why readers of a download were cut off lately; `nil` when none were.
    var recentCutOff: CacheError? {
        let now = timer.now()
        return state.withLock { state in
            guard let refusal = state.refusal, refusal.time > now - Self.refusalMemory else { return nil }
            return refusal.error
        }
    }

    /// Ends the use of the cache.
    func end(with error: CacheError) {
        state.withLock { $0.failure = $0.failure ?? error }
        failed.send(error)
    }
}
