import OCI
import Synchronization

/// What has come of asking a registry to take blobs over from other repositories.
final class Mounts: Sendable {
    private struct Mount: Hashable {
        let digest: Digest
        let repository: RepositoryName
    }

    private struct Pair: Hashable {
        let source: RepositoryName
        let target: RepositoryName
    }

    private struct State {
        var done: Set<Mount> = []
        /// Whether one repository has given the other anything; `false` only where that was refused.
        var isGiven: [Pair: Bool] = [:]
    }

    private let state = Mutex(State())

    /// Whether a mount may bring anything: who asks for the same again has found that the blob is not there.
    func mayBring(_ digest: Digest, from source: RepositoryName, to target: RepositoryName) -> Bool {
        state.withLock { state in
            !state.done.contains(Mount(digest: digest, repository: target))
                && state.isGiven[Pair(source: source, target: target)] != false
        }
    }

    func brought(_ digest: Digest, from source: RepositoryName, to target: RepositoryName) {
        state.withLock { state in
            state.done.insert(Mount(digest: digest, repository: target))
            state.isGiven[Pair(source: source, target: target)] = true
        }
    }

    /// Takes note of a failure, where it is about the repositories and not about one blob or one moment.
    func failed(from source: RepositoryName, to target: RepositoryName, _ error: RegistryError) {
        guard error.isRefusalOfMounts else { return }
        state.withLock { state in
            let pair = Pair(source: source, target: target)
            if state.isGiven[pair] == nil { state.isGiven[pair] = false }
        }
    }
}
