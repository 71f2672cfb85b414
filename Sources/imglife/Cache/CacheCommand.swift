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
        discussion: """
            Only 'verify --repair' asks registries. No configuration is needed: without one the cache is var/cache, or what \
            --cache-dir names.
            """,
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
    let session: Session
    let configuration: CacheConfiguration

    var environment: [String: String] { session.environment }

    /// - Throws: what ``Session`` throws.
    init(options: GlobalOptions, copies: Bool = false) throws {
        session = try Session(options: options, copies: copies)
        configuration = session.cache
    }

    /// Opens the cache that the options name and ends the process as ``Failure`` says.
    ///
    /// With `mayBeReadOnly` the work is also good for a cache that cannot be written, and with `makesRoom` it is what helps
    /// where the disk is full. Looking never creates one: only a
    /// command that fills it has the mode `create`, and looks `before` at what it fills it with: nothing is made for what
    /// cannot be read.
    static func run(
        _ options: GlobalOptions,
        mayBeReadOnly: Bool = false,
        makesRoom: Bool = false,
        mode: CacheConfiguration.Mode = .existing,
        before: @escaping @Sendable () async throws -> Void = {},
        _ body: @escaping @Sendable (ContentCache, CacheAccess) async throws -> Void
    ) async throws {
        try await Failure.exiting {
            let access = try CacheAccess(options: options)
            try await Interruption.run(logger: access.configuration.logger) {
                var configuration = access.configuration
                configuration.mayBeReadOnly = mayBeReadOnly
                configuration.makesRoom = makesRoom
                configuration.mode = mode
                try CachePlace.check(configuration.directory, configuration.mode)
                try await before()
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
        return JSONText.escapingUnsafe(String(decoding: try encoder.encode(value), as: UTF8.self)) + "\n"
    }
}
