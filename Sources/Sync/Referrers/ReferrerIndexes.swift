import Cache
import Concurrency
import OCI
import Synchronization

/// What this run knows of the lists of referrers at its registries, and who writes one of them.
final class ReferrerIndexes: Sendable {
    private struct Key: Hashable {
        let repository: RepositoryReference
        let subject: Digest
    }

    /// An image whose referrers a target is to have, whatever its tags are.
    struct Work: Hashable {
        private let gift: GivenReferrers.Gift
        private let platforms: [PlatformPattern]

        init(on graph: ImageGraph, of job: CopyJob) {
            gift = job.gift(of: graph.top.descriptor.digest)
            platforms = job.platforms
        }
    }

    /// Who keeps the lists of a repository's referrers.
    enum Keeper {
        case registry
        /// Nobody; tags stand in for them.
        case tags
        /// The registry does not tell.
        case untold
    }

    /// Whether something new refers to an image.
    let news = SingleFlight<Work, Bool>()
    /// What bringing that to the target came to.
    let copies = SingleFlight<Work, ReferrerCopy.Outcome>()
    private let keepers = Mutex<[RepositoryReference: Keeper]>([:])
    /// What this run has found or put under cosign's tags at targets, and for whom.
    private let takers = Mutex<[ImageReference: (digest: Digest, source: TargetCollision.Source)]>([:])
    private let writers = KeyedLock<Key>()

    /// Whether the registry is known to list the repository's referrers itself; `nil` when nobody has asked yet.
    func areKept(by repository: RepositoryReference) -> Bool? {
        keeper(of: repository).map { $0 == .registry }
    }

    /// Who keeps the repository's lists; `nil` when nobody has asked yet.
    func keeper(of repository: RepositoryReference) -> Keeper? {
        keepers.withLock { $0[repository] }
    }

    /// Notes who keeps the repository's lists.
    func note(_ keeper: Keeper, of repository: RepositoryReference) {
        keepers.withLock { keepers in
            // That it knows no such question may be older than what it has said with a push meanwhile.
            if keeper == .tags, keepers[repository] == .registry { return }
            keepers[repository] = keeper
        }
    }

    /// Takes one of cosign's tags at a job's target for what the job's source has under it.
    ///
    /// - Throws: ``TargetCollision`` where another source's entry has taken it for something else.
    func take(_ tag: TagName, for digest: Digest, by job: CopyJob) throws {
        let place = ImageReference(location: job.target, tag: tag)
        let image = ImageReference(location: job.source, tag: tag)
        let source = TargetCollision.Source(entry: job.entry, image: image)
        try takers.withLock { takers in
            if let former = takers[place], former.digest != digest, former.source.image != image {
                throw TargetCollision(target: place, sources: [former.source, source])
            }
            takers[place] = (digest, source)
        }
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
