import OCI
import Synchronization

/// What this run knows of its targets: which repository holds which content.
///
/// Several images need the same blob in the same repository at the same time; the first sends it, the others wait for
/// the outcome. What was pushed, mounted or found is not asked for again.
final class TargetLedger: Sendable {
    private struct Key: Hashable {
        let repository: RepositoryReference
        let digest: Digest
    }

    private enum Entry {
        case present
        case underWay([Int: CheckedContinuation<Void, Never>])
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var homes: [Digest: [RepositoryReference]] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    /// Makes sure that the repository holds the digest, calling `send` unless that is known or under way elsewhere.
    ///
    /// When another task's attempt fails, the next one waiting makes its own.
    ///
    /// - Returns: what `send` returned, or `.alreadyThere`.
    func ensure(
        _ digest: Digest,
        in repository: RepositoryReference,
        send: () async throws -> StoreOutcome
    ) async throws -> StoreOutcome {
        let key = Key(repository: repository, digest: digest)
        while true {
            try Task.checkCancellation()
            switch claim(key) {
            case .present: return .alreadyThere
            case .wait: await wait(for: key)
            case .mine:
                do {
                    let outcome = try await send()
                    settle(key, isPresent: true)
                    return outcome
                } catch {
                    settle(key, isPresent: false)
                    throw error
                }
            }
        }
    }

    /// Whether the repository is known to hold the digest.
    func holds(_ digest: Digest, in repository: RepositoryReference) -> Bool {
        state.withLock { state in
            if case .present = state.entries[Key(repository: repository, digest: digest)] { true } else { false }
        }
    }

    /// Another repository of the same registry that holds the digest, to mount it from.
    func home(of digest: Digest, near repository: RepositoryReference) -> RepositoryName? {
        state.withLock { state in
            state.homes[digest]?.first { $0.host == repository.host && $0 != repository }?.repository
        }
    }

    /// Notes that the repository holds the digest, as an earlier run or a look-up found.
    func note(_ digest: Digest, in repository: RepositoryReference) {
        settle(Key(repository: repository, digest: digest), isPresent: true)
    }

    /// Forgets what is known of these digests in the repository, because its registry said otherwise.
    func forget(_ digests: some Sequence<Digest>, in repository: RepositoryReference) {
        state.withLock { state in
            for digest in digests {
                let key = Key(repository: repository, digest: digest)
                if case .present = state.entries[key] { state.entries[key] = nil }
                state.homes[digest]?.removeAll { $0 == repository }
            }
        }
    }
}

extension TargetLedger {
    private enum Claim {
        case present
        case wait
        case mine
    }

    private func claim(_ key: Key) -> Claim {
        state.withLock { state in
            switch state.entries[key] {
            case .present: return .present
            case .underWay: return .wait
            case nil:
                state.entries[key] = .underWay([:])
                return .mine
            }
        }
    }

    private func settle(_ key: Key, isPresent: Bool) {
        let waiters = state.withLock { state in
            let previous = state.entries[key]
            state.entries[key] = isPresent ? .present : nil
            if isPresent, state.homes[key.digest]?.contains(key.repository) != true {
                state.homes[key.digest, default: []].append(key.repository)
            }
            guard case .underWay(let waiters) = previous else { return [CheckedContinuation<Void, Never>]() }
            return Array(waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    private func wait(for key: Key) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSettled = state.withLock { state in
                    guard case .underWay(var waiters) = state.entries[key], !Task.isCancelled else { return true }
                    waiters[id] = continuation
                    state.entries[key] = .underWay(waiters)
                    return false
                }
                if isSettled { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard case .underWay(var waiters) = state.entries[key] else { return nil }
                let waiter = waiters.removeValue(forKey: id)
                state.entries[key] = .underWay(waiters)
                return waiter
            }
            waiter?.resume()
        }
    }
}
