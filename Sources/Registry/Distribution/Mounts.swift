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
        /// Whether one repository has given the other anything; `false` where that was refused, or said and not so.
        var isGiven: [Pair: Bool] = [:]
    }

    private let state = Mutex(State())

    /// Whether a mount may bring anything: who asks for the same again has found that the blob is not there, and then
    /// nothing else need be asked for either.
    func mayBring(_ digest: Digest, from source: RepositoryName, to target: RepositoryName) -> Bool {
        state.withLock { state in
            let pair = Pair(source: source, target: target)
            if state.done.contains(Mount(digest: digest, repository: target)) { state.isGiven[pair] = false }
            return state.isGiven[pair] != false
        }
    }

    func brought(_ digest: Digest, from source: RepositoryName, to target: RepositoryName) {
        state.withLock { state in
            state.done.insert(Mount(digest: digest, repository: target))
            let pair = Pair(source: source, target: target)
            if state.isGiven[pair] == nil { state.isGiven[pair] = true }
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
