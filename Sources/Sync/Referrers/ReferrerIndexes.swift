import Concurrency
import OCI
import Synchronization

/// What this run knows of the lists of referrers at its registries, and who writes one of them.
final class ReferrerIndexes: Sendable {
    private struct Key: Hashable {
        let repository: RepositoryReference
        let subject: Digest
    }

    private let keepers = Mutex<[RepositoryReference: Bool]>([:])
    private let writers = KeyedLock<Key>()

    /// Whether the registry is known to list the repository's referrers itself; `nil` when nobody has asked yet.
    func areKept(by repository: RepositoryReference) -> Bool? {
        keepers.withLock { $0[repository] }
    }

    /// Notes whether the registry lists the repository's referrers itself.
    func note(_ areKept: Bool, by repository: RepositoryReference) {
        keepers.withLock { $0[repository] = areKept }
    }

    /// Runs a body while nobody else in this run works on the same list.
    func exclusively(
        _ subject: Digest,
        in repository: RepositoryReference,
        _ body: () async throws -> Void
    ) async throws {
        try await writers.withLock(Key(repository: repository, subject: subject), body)
    }
}
