import Logging
import OCI
import Registry
import Synchronization

/// What this run has learnt about mirrors, for all sources that have some.
///
/// One that refuses connections is not asked again, nor is one that gives no answer, or answers 5xx, several times in a
/// row: each time costs all the tries and waits of an operation.
final class MirrorHealth: Sendable {
    /// How many operations in a row a mirror may fail.
    static let maximumFailures = 3

    private struct State {
        var unreachable: Set<RegistryHost> = []
        /// How many operations in a row each mirror has failed.
        var failures: [RegistryHost: Int] = [:]
        var told: Set<RegistryHost> = []
        /// Hosts for which a mirror has told tags.
        var replaced: Set<RegistryHost> = []
        /// Who has sent bytes of a blob since it was last read from its beginning.
        var senders: [Digest: Set<RepositoryReference>] = [:]
        /// Whose bytes of a blob led to nothing, so that it had to be read from its beginning again.
        var rejected: [Digest: Set<RepositoryReference>] = [:]
    }

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) {
        self.logger = logger
    }

    /// The mirrors that can still be reached, in their order.
    func reachable(_ mirrors: [Repository]) -> [Repository] {
        state.withLock { state in mirrors.filter { !state.unreachable.contains($0.location.host) } }
    }

    /// Takes note of a failure and tells of a mirror's first; that it lacks something is none.
    func failed(_ mirror: RepositoryReference, _ error: any Error) {
        let kind = (error as? RegistryError)?.kind
        if kind == .notFound { return lacks(mirror) }
        let outage = (error as? RegistryError)?.isOutage ?? false
        let (isFirst, isLast) = state.withLock { state in
            if outage { state.failures[mirror.host, default: 0] += 1 }
            let isOver =
                kind == .connection(.refused) || state.failures[mirror.host, default: 0] >= Self.maximumFailures
            let isLast = isOver && state.unreachable.insert(mirror.host).inserted
            return (state.told.insert(mirror.host).inserted, isLast)
        }
        let rest = isLast ? "; it is not asked again in this run" : ""
        logger.log(
            level: isFirst ? .warning : isLast ? .notice : .debug,
            "a mirror fails, so the next source is asked\(rest)",
            metadata: ["mirror": "\(mirror)", "error": "\(error)"]
        )
    }

    /// Takes note that a mirror has answered.
    func answered(_ mirror: RepositoryReference) {
        state.withLock { $0.failures[mirror.host] = nil }
    }

    /// Takes note that a mirror does not have what it was asked for.
    func lacks(_ mirror: RepositoryReference) {
        answered(mirror)
        logger.debug("a mirror lacks it, so the next source is asked", metadata: ["mirror": "\(mirror)"])
    }

    /// Tells, once for a host, that its tags are taken from a mirror, where they may be older.
    func stoodIn(_ mirror: RepositoryReference, for host: RepositoryReference, _ error: RegistryError) {
        let isFirst = state.withLock { $0.replaced.insert(host.host).inserted }
        logger.log(
            level: isFirst ? .warning : .debug,
            "the source cannot be reached, so a mirror tells what its tags are; they may be older",
            metadata: ["source": "\(host)", "mirror": "\(mirror)", "error": "\(error)"]
        )
    }
}

extension MirrorHealth {
    /// Somebody sends bytes of a blob.
    func sends(_ digest: Digest, _ mirror: RepositoryReference) {
        state.withLock { _ = $0.senders[digest, default: []].insert(mirror) }
    }

    /// A blob is read from its beginning: who sent bytes of it before did not send the right ones.
    ///
    /// - Returns: the mirrors that are not to be asked for it any more.
    func begin(_ digest: Digest) -> Set<RepositoryReference> {
        let (rejected, untold) = state.withLock { state in
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

    /// Whether a mirror sent bytes of the blob since it was last read from its beginning.
    func hasSender(of digest: Digest) -> Bool {
        state.withLock { $0.senders[digest] != nil }
    }
}
