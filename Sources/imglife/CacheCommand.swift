import ArgumentParser
import Cache
import FoundationEssentials
import Logging
import OCI
import Registry
import Sync

/// `imglife cache`: looks after the cache.
struct CacheCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Look after the cache: what it holds, whether it is sound, and what can go.",
        discussion: "Only 'verify --repair' asks registries. "
            + "With --cache-dir or IMGLIFE_CACHE_DIR no configuration is needed.",
        subcommands: [
            CacheStatsCommand.self, CacheListCommand.self, CacheVerifyCommand.self, CacheCollectCommand.self,
            CacheRemoveCommand.self,
        ]
    )

    /// How a result is written.
    enum Output: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    @ParentCommand var parent: Imglife
}

/// Where the cache is and how large it may be, with or without a configuration.
struct CacheAccess: Sendable {
    let configuration: CacheConfiguration
    let environment: [String: String]
    /// `nil` where there is no configuration.
    let session: Session?
    /// The registries of the configuration; none without one.
    var hosts: Set<RegistryHost> { session?.sourceHosts ?? [] }

    /// - Throws: what ``Session`` throws, except for a missing file where the cache's directory is named otherwise.
    init(options: GlobalOptions) throws {
        do {
            let session = try Session(options: options)
            configuration = session.cache
            environment = session.environment
            self.session = session
        } catch let error as MissingConfiguration {
            environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
            guard error.isAbsent, options.config == nil, environment["IMGLIFE_CONFIG"] == nil,
                let directory = options.cacheDir ?? environment["IMGLIFE_CACHE_DIR"]
            else {
                var error = error
                error.needsCacheAlone = error.isAbsent && options.config == nil
                throw error
            }
            var configuration = CacheConfiguration(
                directory: directory,
                logger: try options.logger(environment: environment),
                lockTimeout: try options.lockPatience(environment: environment)
            )
            configuration.version = Version.current
            self.configuration = configuration
            session = nil
        }
    }

    /// How registries are reached; without a configuration as the environment alone says.
    ///
    /// - Throws: `SettingsError`, `CredentialError`, `ProxyError`.
    func registries() throws -> RegistryConfiguration {
        if let session { return session.registries }
        return RegistryConfiguration(
            credentials: try CredentialStore(environment: environment, home: environment["HOME"]),
            retry: try RuntimeSettings(environment: environment).retry,
            proxies: try ProxySettings(environment: environment),
            userAgent: "imglife/\(Version.current)",
            logger: configuration.logger
        )
    }

    /// Opens the cache that the options name and ends the process as ``Failure`` says.
    ///
    /// With `mayBeReadOnly` the work is also good for a cache that cannot be written. Looking never creates one: only a
    /// command that fills it has the mode `create`.
    static func run(
        _ options: GlobalOptions,
        mayBeReadOnly: Bool = false,
        mode: CacheConfiguration.Mode = .existing,
        _ body: @escaping @Sendable (ContentCache, CacheAccess) async throws -> Void
    ) async throws {
        try await Failure.exiting {
            let access = try CacheAccess(options: options)
            try await Interruption.run(logger: access.configuration.logger) {
                var configuration = access.configuration
                configuration.mayBeReadOnly = mayBeReadOnly
                configuration.mode = mode
                try await ContentCache.with(configuration) { cache in try await body(cache, access) }
            }
        }
    }
}

/// A result as other programs read it: one JSON document with sorted keys.
enum CacheDocument {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
