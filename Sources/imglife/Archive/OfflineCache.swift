import Cache
import OCI

/// The cache that a run without upstreams reads from; it must be there.
struct OfflineCache: Sendable {
    private(set) var configuration: CacheConfiguration

    /// - Throws: ``MissingCache``; `CacheError` when that cannot be found out.
    init(_ session: Session) throws {
        try self.init(session.cache, named: session.cacheDirectory)
    }

    /// - Throws: ``MissingCache``; `CacheError` when that cannot be found out.
    init(_ configuration: CacheConfiguration) throws {
        try self.init(configuration, named: configuration.directory)
    }

    /// For who only looks: looking never creates a cache, and works with one that cannot be written.
    ///
    /// `nil` when there is none, which may be an error (`isNeeded`); without one everything counts as lacking. Throws
    /// ``MissingCache`` then; `CacheError` when it cannot be found out.
    init?(lookingOnly session: Session, isNeeded: Bool) throws {
        guard try isNeeded || CachePlace.holdsCache(session.cacheDirectory) else { return nil }
        try self.init(session)
        configuration.mayBeReadOnly = true
    }

    private init(_ configuration: CacheConfiguration, named directory: String) throws {
        self.configuration = configuration
        self.configuration.mode = .existing
        guard try CachePlace.holdsCache(directory) else { throw MissingCache(directory: directory) }
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
