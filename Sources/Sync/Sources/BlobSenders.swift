import Concurrency
import Logging
import OCI
import Synchronization

/// Which mirrors have sent bytes of a blob that led to nothing.
final class BlobSenders: Sendable {
    private struct State {
        /// Who has sent bytes of a blob since it was last read from its beginning, of which nobody has said that they are right.
        var senders: [Digest: Set<RepositoryReference>] = [:]
        /// Whose bytes of a blob led to nothing, so that it had to be read from its beginning again.
        var rejected: [Digest: Set<RepositoryReference>] = [:]
        var told: Set<RegistryHost> = []
        var since: Duration
    }

    private let logger: Logger
    private let timer: Timer
    /// How long anything is remembered, as who serves for months must forget; `nil` for ever.
    private let lifetime: Duration?
    private let state: Mutex<State>

    init(logger: Logger, timer: Timer, lifetime: Duration?) {
        self.logger = logger
        self.timer = timer
        self.lifetime = lifetime
        state = Mutex(State(since: timer.now()))
    }

    /// Somebody has sent bytes of a blob, and sends no more of them.
    func sent(_ digest: Digest, _ mirror: RepositoryReference) {
        state.withLock { _ = $0.senders[digest, default: []].insert(mirror) }
    }

    /// A blob is read from its beginning: who sent bytes of it before did not send the right ones.
    ///
    /// - Returns: the mirrors that are not to be asked for it any more.
    func begin(_ digest: Digest) -> Set<RepositoryReference> {
        let now = timer.now()
        let (rejected, untold) = state.withLock { state in
            if let lifetime, now - state.since > lifetime { state = State(since: now) }
            let senders = state.senders.removeValue(forKey: digest) ?? []
            state.rejected[digest, default: []].formUnion(senders)
            return (state.rejected[digest] ?? [], senders.filter { state.told.insert($0.host).inserted })
        }
        for mirror in untold {
            logger.warning(
                "what a mirror sent was not usable, so another source is asked",
                metadata: ["mirror": "\(mirror)", "digest": "\(digest)"]
            )
        }
        return rejected
    }

    /// All bytes of a blob were right.
    func wereRight(_ digest: Digest) { state.withLock { _ = $0.senders.removeValue(forKey: digest) } }

    /// The mirrors that are not to be asked for a blob any more, also where it is read on.
    func rejected(_ digest: Digest) -> Set<RepositoryReference> { state.withLock { $0.rejected[digest] ?? [] } }

    /// Whether a mirror sent bytes of the blob since it was last read from its beginning.
    func hasSender(of digest: Digest) -> Bool {
        state.withLock { $0.senders[digest] != nil }
    }
}
