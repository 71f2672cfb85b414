import OCI
import Synchronization

/// What this run knows of the lists of referrers at its targets, and who writes one of them.
final class ReferrerIndexes: Sendable {
    private struct Key: Hashable {
        let repository: RepositoryReference
        let subject: Digest
    }

    private struct State {
        var keepers: Set<RepositoryReference> = []
        var waiters: [Key: [Int: CheckedContinuation<Void, Never>]] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    /// Whether the registry is known to list the repository's referrers itself.
    func areKept(by repository: RepositoryReference) -> Bool {
        state.withLock { $0.keepers.contains(repository) }
    }

    /// Notes that the registry lists the repository's referrers itself.
    func note(keptBy repository: RepositoryReference) {
        state.withLock { _ = $0.keepers.insert(repository) }
    }

    /// Runs a body while nobody else in this run works on the same list.
    func exclusively(
        _ subject: Digest,
        in repository: RepositoryReference,
        _ body: () async throws -> Void
    ) async throws {
        let key = Key(repository: repository, subject: subject)
        while !claim(key) {
            await wait(for: key)
            try Task.checkCancellation()
        }
        defer { release(key) }
        try await body()
    }

    private func claim(_ key: Key) -> Bool {
        state.withLock { state in
            guard state.waiters[key] == nil else { return false }
            state.waiters[key] = [:]
            return true
        }
    }

    private func release(_ key: Key) {
        let waiters = state.withLock { $0.waiters.removeValue(forKey: key) ?? [:] }
        for waiter in waiters.values { waiter.resume() }
    }

    private func wait(for key: Key) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.waiters[key] != nil, !Task.isCancelled else { return true }
                    state.waiters[key]?[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters[key]?.removeValue(forKey: id) }?.resume()
        }
    }
}
