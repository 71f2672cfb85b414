import ArgumentParser
import Cache
import FoundationEssentials
import Logging
import Registry
import Sync

/// What an export starts from: as any command's ``Session``, or a cache's directory alone.
struct ExportSession: Sendable {
    let configuration: Configuration?
    let cache: CacheConfiguration
    let registries: RegistryConfiguration
    let environment: [String: String]
    let logger: Logger
    private let session: Session?

    /// - Throws: what ``Session`` throws, except for a missing file where the cache's directory is named otherwise.
    init(options: GlobalOptions) throws {
        do {
            let session = try Session(options: options)
            configuration = session.configuration
            cache = session.cache
            registries = session.registries
            environment = session.environment
            logger = session.logger
            self.session = session
        } catch let error as MissingConfiguration {
            let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
            guard error.isAbsent, options.config == nil, environment["IMGLIFE_CONFIG"] == nil,
                let directory = options.cacheDir ?? environment["IMGLIFE_CACHE_DIR"]
            else {
                var error = error
                error.needsCacheAlone = error.isAbsent && options.config == nil
                throw error
            }
            let settings = try RuntimeSettings(environment: environment)
            logger = try options.logger(environment: environment)
            configuration = nil
            var cache = CacheConfiguration(directory: directory, retry: settings.retry, logger: logger)
            cache.version = Version.current
            self.cache = cache
            registries = RegistryConfiguration(
                credentials: try CredentialStore(environment: environment, home: environment["HOME"]),
                retry: settings.retry,
                proxies: try ProxySettings(environment: environment),
                userAgent: "imglife/\(Version.current)",
                logger: logger
            )
            self.environment = environment
            session = nil
        }
    }

    /// The entries that are meant: those that match, or all of them when nothing else says what is meant.
    ///
    /// - Throws: `ValidationError` when none matches, or there is no configuration to match in.
    func positions(matching patterns: [String], isNeeded: Bool) throws -> [Int] {
        guard let session else {
            guard patterns.isEmpty else {
                throw ValidationError("--entry needs a configuration; name it with --config")
            }
            return []
        }
        return patterns.isEmpty && !isNeeded ? [] : try session.positions(matching: patterns)
    }
}
