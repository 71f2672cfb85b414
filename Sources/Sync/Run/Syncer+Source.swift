import OCI
import Registry

extension Syncer {
    /// Where an entry's images are read from: the cache alone when nobody is to be asked.
    func source(of entry: Configuration.Entry) -> any ImageSource {
        if options.isOffline, let cache { return CachedSource(location: entry.source, cache: cache) }
        return configuration.source(at: entry.source, client, mirrorHealth)
    }
}

extension Configuration {
    /// Where a repository's images are read from, by way of the mirrors of its host where it has some.
    ///
    /// A mirror has them under the same repository name. Its credentials are its own.
    func source(at location: RepositoryReference, _ client: RegistryClient, _ health: MirrorHealth) -> any ImageSource {
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
}
