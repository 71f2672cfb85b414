import Cache
import OCI
import Registry

/// Where repositories are read from and written to.
struct ImagePlaces: Sendable {
    let registries: [RegistryHost: RegistryOptions]
    let client: RegistryClient
    let health: MirrorHealth
    /// What is read instead of any source, where nobody is to be asked.
    var held: ContentCache?

    /// A source, by way of the mirrors of its host where it has some.
    ///
    /// A mirror has images under the same repository name. Its credentials are its own.
    func source(at location: RepositoryReference) -> any ImageSource {
        if let held { return CachedSource(location: location, cache: held) }
        let host = client.repository(location, for: .pull)
        let mirrors = registries[location.host]?.mirrors ?? []
        guard !mirrors.isEmpty else { return host }
        return MirroredSource(
            host: host,
            mirrors: mirrors.map { mirror in
                client.repository(RepositoryReference(host: mirror, repository: location.repository), for: .pull)
            },
            health: health
        )
    }

    /// A target, to write to it or only to ask what it holds.
    func target(at location: RepositoryReference, for access: Access = .push) -> any ImageTarget {
        client.repository(location, for: access)
    }
}

extension ImageSource {
    /// Why there is nothing behind a reference, or no such repository where that is `nil`.
    func absence(of reference: Reference?) -> CopyError {
        switch (reference, isCache) {
        case (let reference?, true): CopyError(.notInCache(reference, location))
        case (nil, true): CopyError(.nothingInCache(location))
        case (let reference?, false): CopyError(.missingTag(reference, location))
        case (nil, false): CopyError(.missingRepository(location))
        }
    }

    /// The tags under which referrers are kept.
    func referrerTags() async throws -> Set<TagName> {
        Set(try await tags()?.filter(\.isReferrerTag) ?? [])
    }
}
