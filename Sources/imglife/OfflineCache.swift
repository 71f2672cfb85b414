import Cache
import Glibc
import OCI

/// The cache that a run without upstreams reads from; it must be there.
struct OfflineCache: Sendable {
    let configuration: CacheConfiguration

    /// - Throws: ``MissingCache``.
    init(_ session: Session) throws(MissingCache) {
        try self.init(session.cache, named: session.cacheDirectory)
    }

    /// - Throws: ``MissingCache``.
    init(_ configuration: CacheConfiguration) throws(MissingCache) {
        try self.init(configuration, named: configuration.directory)
    }

    private init(_ configuration: CacheConfiguration, named directory: String) throws(MissingCache) {
        self.configuration = configuration
        guard access("\(directory)/oci-layout", F_OK) == 0 else { throw MissingCache(directory: directory) }
    }
}

extension OfflineCache? {
    /// Runs a body with the cache, or without one where none is to be read from.
    func opened<Result>(_ body: (ContentCache?) async throws -> Result) async throws -> Result {
        guard let self else { return try await body(nil) }
        return try await ContentCache.with(self.configuration) { try await body($0) }
    }
}

/// A run without upstreams, where there is no cache.
struct MissingCache: Error, CustomStringConvertible {
    let directory: String

    var description: String {
        "there is no cache in \(directory.displaySafe): import into it first, name another with --cache-dir, or leave "
            + "--offline out"
    }
}
