import ArgumentParser
import FoundationEssentials
import Logging
import OCI
import Sync

/// The options that every command takes, before or after its name.
struct GlobalOptions: ParsableArguments {
    /// How log lines are written.
    enum LogFormat: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The configuration; '-' reads standard input. Environment: IMGLIFE_CONFIG. (default: imglife.yaml)",
            valueName: "file"
        ),
        completion: .yamlFile
    )
    var config: String?

    @Option(
        help: ArgumentHelp(
            "How much is logged: trace, debug, info, notice, warning, error. Environment: IMGLIFE_LOG_LEVEL. "
                + "(default: info)",
            valueName: "level"
        )
    )
    var logLevel: LogLevel?

    @Flag(
        name: [.short, .long],
        help: "Log what is decided and why, and every request and wait; the same as --log-level debug."
    )
    var verbose = false

    @Flag(name: [.short, .long], help: "Log warnings and errors only, and show no progress.")
    var quiet = false

    @Option(help: ArgumentHelp("How: text or json. Environment: IMGLIFE_LOG_FORMAT. (default: text)"))
    var logFormat: LogFormat?

    @Option(
        help: ArgumentHelp(
            "Where the cache is. Environment: IMGLIFE_CACHE_DIR. (default: cache.path of the configuration, else "
                + "var/cache beside it)",
            valueName: "directory"
        ),
        completion: .directory
    )
    var cacheDir: String?

    @Option(
        help: ArgumentHelp(
            "How long another process is waited for that holds a lock of the cache, or downloads the same blob without "
                + "progress. Environment: IMGLIFE_LOCK_TIMEOUT. (default: 60s)",
            valueName: "time"
        ),
        transform: Duration.option
    )
    var lockTimeout: Duration?
}

extension GlobalOptions {
    /// The configuration that the option or the environment names; `nil` where that is the usual one.
    var namedConfiguration: String? {
        config ?? ProcessInfo.processInfo.environment["IMGLIFE_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    }

    func validate() throws {
        guard !verbose || !quiet else { throw ValidationError("--verbose and --quiet contradict each other") }
    }

    /// The level that options ask for; the most exact of them counts.
    var askedLevel: LogLevel? { logLevel ?? (verbose ? .debug : quiet ? .warning : nil) }
}

extension Duration {
    /// An option's value that is a time.
    static func option(_ text: String) throws -> Duration {
        do {
            let duration = try Duration(goDuration: text)
            guard duration >= .zero else { throw ValidationError("'\(text.displaySafe)' is less than nothing") }
            return duration
        } catch let error as QuantityError {
            throw ValidationError("\(error)")
        }
    }
}

/// The levels of `--log-level`.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace
    case debug
    case info
    case notice
    case warning
    case error

    var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}

extension GlobalOptions {
    /// How long locks are waited for.
    ///
    /// - Throws: `SettingsError` for a variable that is no duration.
    func lockPatience(environment: [String: String]) throws(SettingsError) -> Duration {
        if let lockTimeout { return lockTimeout }
        guard let text = environment["IMGLIFE_LOCK_TIMEOUT"] else { return .seconds(60) }
        var expectation = "a duration with its unit, such as 60s"
        do throws(QuantityError) {
            let duration = try Duration(goDuration: text)
            if duration >= .zero { return duration }
        } catch {
            if error.isTooLarge { expectation = error.expectation }
        }
        throw SettingsError(problems: ["IMGLIFE_LOCK_TIMEOUT must be \(expectation), not '\(text.displaySafe)'"])
    }
}
