import Cache
import FoundationEssentials
import Logging
import OCI
import Registry
import Sync
import YAML

/// What every command that reads the configuration starts from: options, environment and file brought together.
///
/// Precedence: flag, environment, file, default.
struct Session: Sendable {
    let file: String
    let configuration: Configuration
    /// The registries that images come from.
    let sourceHosts: Set<RegistryHost>
    let settings: RuntimeSettings
    let credentials: CredentialStore
    let proxies: ProxySettings
    let authorities: SystemAuthorities
    let cacheDirectory: String
    let lockTimeout: Duration
    let environment: [String: String]
    let logFormat: GlobalOptions.LogFormat
    private(set) var logger: Logger

    /// Whether there is a configuration file; without one everything has its default.
    let hasFile: Bool

    /// - Parameters:
    ///   - options: the command line's.
    ///   - copies: whether the command is of no use without the configuration's entries. Any other runs also without a
    ///     file, as long as nobody names one.
    ///   - needsFile: whether there must be a file all the same.
    /// - Throws: `ConfigurationError` or ``Findings`` with all that is wrong with the file and the environment.
    init(options: GlobalOptions, copies: Bool, needsFile: Bool = false) throws {
        var findings = Findings()
        self.init(options: options, copies: copies, needsFile: needsFile, noting: &findings)
        try findings.refuse()
        warn(options)
    }

    /// The same, with something in the place of what cannot be had: where anything is noted, it serves to look for more.
    init(options: GlobalOptions, copies: Bool, needsFile: Bool, noting findings: inout Findings) {
        let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        self.environment = environment
        logFormat = options.format(environment: environment)
        let named = options.namedConfiguration
        file = named ?? "imglife.yaml"
        do throws(MissingConfiguration) {
            let text = try ConfigurationFile.read(file)
            configuration = .recognizing(yaml: text, file: file, needsEntries: copies, noting: &findings)
            hasFile = true
        } catch {
            if copies || needsFile || !error.isAbsent || named != nil { findings.note(error) }
            configuration = Configuration()
            hasFile = false
        }
        sourceHosts = Set(configuration.entries.map(\.source.host))
        logger = findings.value(or: Logger(label: "imglife")) { try options.logger(environment: environment) }
        settings = findings.value(or: RuntimeSettings()) { try RuntimeSettings(environment: environment) }
        lockTimeout = findings.value(or: .zero) { try options.lockPatience(environment: environment) }
        credentials = Self.credentials(environment, noting: &findings)
        proxies = findings.value(or: .none) { try ProxySettings(environment: environment) }
        authorities = findings.value(or: .usual) { try SystemAuthorities(environment: environment) }
        cacheDirectory =
            options.cacheDir ?? environment["IMGLIFE_CACHE_DIR"]
            ?? configuration.resolve(configuration.cache.path ?? "var/cache")
    }

    /// Where the variables are wrong, those of the files alone.
    private static func credentials(_ environment: [String: String], noting findings: inout Findings) -> CredentialStore
    {
        let home = environment["HOME"]
        let others = environment.filter { !CredentialStore.reads($0.key) }
        let ofFiles = (try? CredentialStore(environment: others, home: home)) ?? .anonymous
        return findings.value(or: ofFiles) { try CredentialStore(environment: environment, home: home) }
    }

    /// Tells what is accepted but deserves a word.
    func warn(_ options: GlobalOptions) {
        for warning in configuration.warnings { logger.warning("\(warning)") }
        for warning in EnvironmentHelp.slips(in: environment) { logger.warning("\(warning)") }
        if let named = options.cacheDir ?? environment["IMGLIFE_CACHE_DIR"], named.hasPrefix("~") {
            logger.warning("the cache's directory is named '\(named.displaySafe)'; '~' is not substituted")
        }
    }

    /// The same for somebody who watches what becomes of it, and to whom the log need not say one thing often.
    func watched() -> Session {
        var session = self
        var output = LogOutput(format: logFormat, level: logger.logLevel)
        output.likeLines = LikeLines()
        session.logger = Logger(label: logger.label) { [output] _ in output }
        return session
    }

    /// The cache, for ``ContentCache``.
    var cache: CacheConfiguration {
        var cache = CacheConfiguration(
            directory: cacheDirectory,
            retry: settings.retry,
            logger: logger,
            lockTimeout: lockTimeout,
            minimumFree: configuration.cache.minimumFree?.bytes
        )
        cache.version = Version.current
        cache.collection = { [configuration] in try await CollectionOptions(of: configuration, for: $0) }
        return cache
    }

    /// A run over the configuration.
    func syncer(_ client: RegistryClient, _ cache: ContentCache?, _ options: Syncer.Options) -> Syncer {
        Syncer(configuration: configuration, client: client, cache: cache, options: options, logger: logger)
    }

    /// How registries are reached, for ``RegistryClient``.
    var registries: RegistryConfiguration {
        var hosts: [RegistryHost: HostSettings] = [:]
        for (host, options) in configuration.registries {
            hosts[host] = HostSettings(
                endpoint: options.endpoint?.description,
                plainHTTP: options.isPlainHTTP,
                caFile: options.caFile.map(configuration.resolve),
                maxConnections: options.maximumConnections,
                hubAPI: options.hubAPI?.description,
                authRealms: options.authRealms
            )
        }
        var registries = RegistryConfiguration(logger: logger)
        registries.hosts = hosts
        registries.credentials = credentials
        registries.retry = settings.retry
        registries.proxies = proxies
        registries.authorities = authorities
        registries.userAgent = "imglife/\(Version.current)"
        return registries
    }

    /// The same, once the certificates for that have been looked at.
    ///
    /// - Throws: `ConfigurationError` with all that is wrong with them, each at its place.
    var usableRegistries: RegistryConfiguration {
        get async throws {
            let problems = try await FileCheck(session: self).certificateProblems()
            guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
            return registries
        }
    }
}

extension GlobalOptions {
    private static let formatVariable = "IMGLIFE_LOG_FORMAT"

    /// How log lines are written, where the environment holds no nonsense.
    func format(environment: [String: String]) -> LogFormat {
        logFormat ?? Self.format(in: environment)
    }

    /// How log lines are written where no option says so, and the environment holds no nonsense.
    static func format(in environment: [String: String]) -> LogFormat {
        environment[formatVariable].flatMap { LogFormat(rawValue: $0.lowercased()) } ?? .text
    }

    /// A logger that writes to standard error as the options and the environment say.
    func logger(environment: [String: String]) throws(SettingsError) -> Logger {
        var problems: [String] = []
        func value<Option: RawRepresentable & CaseIterable>(_ name: String) -> Option?
        where Option.RawValue == String {
            guard let text = environment[name] else { return nil }
            if let option = Option(rawValue: text.lowercased()) { return option }
            let allowed = Option.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append("\(name) must be one of \(allowed), not '\(text.displaySafe)'")
            return nil
        }
        let level = askedLevel ?? value("IMGLIFE_LOG_LEVEL") ?? LogLevel.info
        let format = logFormat ?? value(Self.formatVariable) ?? LogFormat.text
        guard problems.isEmpty else { throw SettingsError(problems: problems) }
        return Logger(label: "imglife") { _ in LogOutput(format: format, level: level.level) }
    }
}
