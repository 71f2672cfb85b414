import OCI
import Synchronization

/// What this run knows of its targets: which repository holds which content.
///
/// Several images need the same blob at one registry at the same time; the first sends it, the others wait for the
/// outcome, and another repository then takes it over by a mount. What was pushed, mounted or found is not asked for
/// again.
final class TargetLedger: Sendable {
    fileprivate struct Copy: Hashable {
        let repository: RepositoryReference
        let digest: Digest

        var place: Place { Place(host: repository.host, digest: digest) }
    }

    /// One piece of content at one registry: there is one sender at a time.
    fileprivate struct Place: Hashable {
        let host: RegistryHost
        let digest: Digest
    }

    fileprivate struct State {
        var present: Set<Copy> = []
        var homes: [Place: [RepositoryName]] = [:]
        var waiters: [Place: [Int: CheckedContinuation<Void, Never>]] = [:]
        var nextWaiter = 0
    }

    /// The lists of what refers to content.
    let referrerIndexes = ReferrerIndexes()
    private let state = Mutex(State())

    /// Makes sure that the repository holds the digest, calling `send` unless that is known already.
    ///
    /// While another task sends the digest to the same registry, this one waits; when that attempt fails, it makes its
    /// own.
    ///
    /// - Returns: what `send` returned, or `.alreadyThere`.
    func ensure(
        _ digest: Digest,
        in repository: RepositoryReference,
        send: () async throws -> StoreOutcome
    ) async throws -> StoreOutcome {
        let copy = Copy(repository: repository, digest: digest)
        while true {
            try Task.checkCancellation()
            switch claim(copy) {
            case .present: return .alreadyThere
            case .wait: await wait(for: copy.place)
            case .mine:
                var isPresent = false
                defer { settle(copy, isPresent: isPresent) }
                let outcome = try await send()
                isPresent = true
                return outcome
            }
        }
    }

    /// Another repository of the same registry that holds the digest, to mount it from.
    func home(of digest: Digest, near repository: RepositoryReference) -> RepositoryName? {
        state.withLock { state in
            state.homes[Place(host: repository.host, digest: digest)]?.first { $0 != repository.repository }
        }
    }

    /// Notes that the repository holds the digest.
    func note(_ digest: Digest, in repository: RepositoryReference) {
        state.withLock { $0.add(Copy(repository: repository, digest: digest)) }
    }

    /// Forgets what is known of these digests in the repository, because its registry said otherwise.
    func forget(_ digests: some Sequence<Digest>, in repository: RepositoryReference) {
        state.withLock { state in
            for digest in digests {
                let copy = Copy(repository: repository, digest: digest)
                state.present.remove(copy)
                state.homes[copy.place]?.removeAll { $0 == repository.repository }
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

    private func claim(_ copy: Copy) -> Claim {
        state.withLock { state in
            if state.present.contains(copy) { return .present }
            if state.waiters[copy.place] != nil { return .wait }
            state.waiters[copy.place] = [:]
            return .mine
        }
    }

    private func settle(_ copy: Copy, isPresent: Bool) {
        let waiters = state.withLock { state in
            if isPresent { state.add(copy) }
            return state.waiters.removeValue(forKey: copy.place) ?? [:]
        }
        for waiter in waiters.values { waiter.resume() }
    }

    private func wait(for place: Place) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.waiters[place] != nil, !Task.isCancelled else { return true }
                    state.waiters[place]?[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters[place]?.removeValue(forKey: id) }?.resume()
        }
    }
}

extension TargetLedger.State {
    fileprivate mutating func add(_ copy: TargetLedger.Copy) {
        present.insert(copy)
        guard homes[copy.place]?.contains(copy.repository.repository) != true else { return }
        homes[copy.place, default: []].append(copy.repository.repository)
    }
}
