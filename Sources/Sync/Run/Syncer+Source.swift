import OCI
import Registry

extension Syncer {
    /// Where an entry's images are read from, by way of the mirrors of its host where it has some.
    ///
    /// A mirror has them under the same repository name. Its credentials are its own.
    func source(of entry: Configuration.Entry) -> any ImageSource {
        if options.isOffline, let cache { return CachedSource(location: entry.source, cache: cache) }
        let host = client.repository(entry.source, for: .pull)
        let mirrors = configuration.registries[entry.source.host]?.mirrors ?? []
        guard !mirrors.isEmpty else { return host }
        return MirroredSource(
            host: host,
            mirrors: mirrors.map { mirror in
                let location = RepositoryReference(host: mirror, repository: entry.source.repository)
                return client.repository(location, for: .pull)
            },
            health: mirrorHealth
        )
    }
}
