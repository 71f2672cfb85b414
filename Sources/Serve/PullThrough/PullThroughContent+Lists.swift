import Cache
import Logging
package import OCI

extension PullThroughContent {
    /// The longest time for which a list of tags is believed: clients read it page by page.
    private static let listLifetime = Duration.seconds(60)
    /// How many referrers of one manifest are fetched.
    private static let maximumReferrers = 200
    private static let parallelism = 4

    package func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>? {
        guard let upstream = upstreams.upstream(of: repository) else { return try await cached.tags(of: repository) }
        let own = try await cache.names.anyTags(of: repository)
        do {
            let listed = try await listing(of: repository, at: upstream)
            guard listed != nil || !own.isEmpty else { return nil }
            return ServedList(Array(Set(own).union(listed ?? [])))
        } catch {
            try Task.checkCancellation()
            guard !own.isEmpty else { throw failure(error) }
            metrics.count(.staleTag)
            return ServedList(own, warning: Self.staleWarning)
        }
    }

    private func listing(of repository: RepositoryReference, at upstream: any Upstream) async throws -> [TagName]? {
        if let known = knownTags[repository] { return known }
        return try await listings.value(for: repository) { [self] in
            let tags = try await upstream.tags()
            let lifetime = min(Self.listLifetime, configuration.tagLifetime)
            if let tags { knownTags.remember(tags, of: repository, for: lifetime) }
            return tags
        }
    }

    package func referrers(
        of digest: Digest,
        in repository: RepositoryReference
    ) async throws -> ServedList<Referrer> {
        guard let upstream = upstreams.upstream(of: repository) else {
            return try await cached.referrers(of: digest, in: repository)
        }
        let name = ImageReference(location: repository, digest: digest)
        do {
            return try await referrers(name, digest, at: upstream)
        } catch {
            try Task.checkCancellation()
            let own = try await cached.referrers(of: digest, in: repository)
            // An empty list would say that there is no signature.
            guard !own.elements.isEmpty else { throw failure(error) }
            metrics.count(.staleTag)
            return ServedList(own.elements, warning: Self.staleWarning)
        }
    }

    private func referrers(
        _ name: ImageReference,
        _ digest: Digest,
        at upstream: any Upstream
    ) async throws -> ServedList<Referrer> {
        if let known = knownReferrers[name] { return known }
        return try await searches.value(for: name) { [self] in
            let descriptors = try await upstream.referrers(of: digest)
            try await cache.names.setReferrers(of: digest, in: name.location, to: descriptors)
            let isCut = descriptors.count > Self.maximumReferrers
            let found = ServedList(
                try await read(Array(descriptors.prefix(Self.maximumReferrers)), name.location, at: upstream),
                warning: isCut ? "299 - \"Only \(Self.maximumReferrers) referrers are listed\"" : nil
            )
            knownReferrers.remember(found, of: name, for: configuration.tagLifetime)
            return found
        }
    }

    /// Reads and keeps manifests that refer to another one; in their order.
    private func read(
        _ descriptors: [Descriptor],
        _ repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> [Referrer] {
        try await withThrowingTaskGroup(of: (Int, Referrer?).self) { group in
            var found: [(position: Int, referrer: Referrer)] = []
            for (position, descriptor) in descriptors.enumerated() {
                if position >= Self.parallelism, let (position, referrer) = try await group.next(), let referrer {
                    found.append((position, referrer))
                }
                group.addTask { [self] in
                    let served = try await manifest(named: descriptor.digest, of: repository, at: upstream)
                    return (position, served.map { Referrer($0.manifest) })
                }
            }
            for try await (position, referrer) in group {
                if let referrer { found.append((position, referrer)) }
            }
            return found.sorted { $0.position < $1.position }.map(\.referrer)
        }
    }
}
