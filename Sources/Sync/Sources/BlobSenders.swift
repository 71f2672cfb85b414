import Concurrency
import OCI
import Synchronization

/// Which mirrors have sent bytes of a blob that led to nothing.
final class BlobSenders: Sendable {
    private struct State {
        /// Who has sent bytes of a blob since it was last read from its beginning, of which nobody has said that they are right,
        /// and whether to its end.
        var senders: [Digest: [RepositoryReference: Bool]] = [:]
        /// Whose bytes of a blob led to nothing, so that it had to be read from its beginning again.
        var rejected: [Digest: Set<RepositoryReference>] = [:]
        var since: Duration
    }

    private let timer: Timer
    /// How long anything is remembered, as who serves for months must forget; `nil` for ever.
    private let lifetime: Duration?
    private let state: Mutex<State>

    init(timer: Timer, lifetime: Duration?) {
        self.timer = timer
        self.lifetime = lifetime
        state = Mutex(State(since: timer.now()))
    }

    /// Somebody has sent bytes of a blob, and sends no more of them.
    func sent(_ digest: Digest, _ mirror: RepositoryReference, toItsEnd isWhole: Bool = true) {
        state.withLock { $0.senders[digest, default: [:]][mirror] = isWhole }
    }

    /// A blob is read from its beginning: who sent bytes of it before did not send the right ones.
    ///
    /// - Parameters:
    ///   - digest: the blob.
    ///   - blame: is told each of them.
    /// - Returns: the mirrors that are not to be asked for it any more.
    func begin(
        _ digest: Digest,
        blaming blame: (RepositoryReference) -> Void = { _ in }
    ) -> Set<RepositoryReference> {
        let now = timer.now()
        let (rejected, senders) = state.withLock { state in
            if let lifetime, now - state.since > lifetime { state = State(since: now) }
            let senders = (state.senders.removeValue(forKey: digest) ?? [:]).keys
            state.rejected[digest, default: []].formUnion(senders)
            return (state.rejected[digest] ?? [], senders)
        }
        senders.forEach(blame)
        return rejected
    }

    /// All bytes of a blob were right.
    ///
    /// - Returns: who has sent them to its end.
    func wereRight(_ digest: Digest) -> [RepositoryReference] {
        let senders = state.withLock { $0.senders.removeValue(forKey: digest) }
        return senders?.filter(\.value).map(\.key) ?? []
    }

    /// The mirrors that are not to be asked for a blob any more, also where it is read on.
    func rejected(_ digest: Digest) -> Set<RepositoryReference> { state.withLock { $0.rejected[digest] ?? [] } }

    /// Whether a mirror sent bytes of the blob since it was last read from its beginning.
    func hasSender(of digest: Digest) -> Bool {
        state.withLock { $0.senders[digest] != nil }
    }
}
