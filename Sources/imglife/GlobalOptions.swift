import ArgumentParser
import Logging

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
        )
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

    @Option(help: ArgumentHelp("How: text or json. Environment: IMGLIFE_LOG_FORMAT. (default: text)"))
    var logFormat: LogFormat?

    @Option(
        help: ArgumentHelp(
            "Where the cache is. Environment: IMGLIFE_CACHE_DIR. (default: cache.path of the configuration, else "
                + "var/cache beside it)",
            valueName: "directory"
        )
    )
    var cacheDir: String?
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
