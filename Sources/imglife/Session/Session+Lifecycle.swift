import Cache
import FoundationEssentials
import Lifecycle
import Logging
import OCI
import Page
import Registry
import Sync

extension Session {
    /// How long who has something to tell without it waits for the end-of-life service, all in all.
    private static let lifecyclePatience = Duration.seconds(5)

    /// The day in UTC.
    static var today: CalendarDate { CalendarDate(utc: Date()) }

    /// Whether the configuration says where release cycles are kept.
    var namesLifecycleFile: Bool { configuration.mentions.contains { $0.kind == .lifecycleData } }

    /// Where products' release cycles are kept: `lifecycle.eol_data_file`.
    ///
    /// Where none is named, and nothing can be written beside the configuration, as for a service, that is the cache's
    /// directory; once there is a cache, because none is made in a directory that has this file alone.
    var lifecycleFile: LifecycleDataFile {
        let name = configuration.lifecycle.dataFile
        let usual = LifecycleDataFile(path: configuration.resolve(name))
        guard !namesLifecycleFile, configuration.lifecycle.provider != .local, !usual.isWritable,
            (try? CachePlace.holdsCache(cacheDirectory)) == true
        else { return usual }
        return LifecycleDataFile(path: "\(cacheDirectory)/\(name)", supplement: usual.path)
    }

    /// The end-of-life service that the configuration names.
    func lifecycleSource(_ client: RegistryClient) -> RegistryLifecycleSource {
        RegistryLifecycleSource(client: client, base: configuration.lifecycle.baseURL)
    }

    /// How many of a run's tags are at the end of their support.
    ///
    /// The service is asked in a hurry: it must not hold a sync up. What it does not tell is a warning in the log. A dry run
    /// leaves the data file as it is.
    ///
    /// Offline the data file alone is read.
    ///
    /// - Returns: `nil` when no entry of the run has `lifecycle`.
    /// - Throws: `CancellationError` only.
    func lifecycleFigures(of report: SyncReport, isOffline: Bool) async throws -> LifecycleFigures? {
        guard report.rows.contains(where: { configuration.entries[$0.entry].lifecycle != nil }) else { return nil }
        let today = Self.today
        let products = report.lifecycleProducts(configuration)
        guard !products.isEmpty else { return LifecycleFigures([]) }
        var catalogue = LifecycleCatalogue()
        var warnings: [LifecycleWarning] = []
        do {
            let result = try await hurriedUpdate(
                of: products,
                by: isOffline ? .local : configuration.lifecycle.provider,
                today: today,
                keepsAnswers: !report.isDryRun
            )
            warnings = result.warnings
            for warning in warnings { logger.warning("\(warning)") }
            catalogue = result.catalogue
        } catch let error where !(error is CancellationError) {
            logger.warning("the end-of-life service cannot be asked", metadata: ["error": "\(error)"])
        }
        var figures = report.lifecycleFigures(configuration, catalogue, today: today)
        figures.warnings = warnings
        return figures
    }

    /// Brings products' release cycles up to date as far as the service tells them in five seconds, asked by a client of its
    /// own.
    func hurriedUpdate(
        of products: Set<String>,
        by provider: LifecycleOptions.Provider,
        today: CalendarDate,
        keepsAnswers: Bool = true
    ) async throws -> LifecycleUpdate.Result {
        try await RegistryClient.with(hurriedRegistries) { client in
            let source = BoundedLifecycleSource(lifecycleSource(client), within: Self.lifecyclePatience)
            return try await LifecycleUpdate(provider: provider, source: source, today: today)
                .run(file: lifecycleFile, products: products, keepsAnswers: keepsAnswers)
        }
    }

    /// Tries twice, with little patience, and follows no `Retry-After`.
    private var hurriedRegistries: RegistryConfiguration {
        var registries = registries
        registries.retry.attempts = min(2, settings.retry.attempts)
        registries.retry.initialDelay = min(.milliseconds(200), settings.retry.initialDelay)
        registries.retry.timeout = min(.seconds(2), settings.retry.timeout)
        registries.retry.maximumRetryAfter = .zero
        return registries
    }

    /// Tells how long the tags of the entries' sources are supported, as far as the data file knows.
    ///
    /// The service is not asked: `imglife eol` and `imglife sync` keep the file.
    func support() async -> PageSource.Support {
        let tracked = configuration.entries.compactMap { entry in
            entry.lifecycle.map { (source: entry.source, entry: entry, tracking: $0) }
        }
        let bySource = Dictionary(grouping: tracked, by: \.source)
        guard !bySource.isEmpty else { return { _, _ in nil } }
        var catalogue = LifecycleCatalogue()
        do {
            catalogue = try await lifecycleFile.read() ?? catalogue
        } catch {
            logger.warning("the page shows no end of life", metadata: ["error": "\(error)"])
        }
        let today = Self.today
        return { [catalogue] repository, tag in
            guard let entry = bySource[repository]?.first(where: { $0.entry.names(tag) }) else { return nil }
            return SupportEnd(catalogue.status(of: tag, tracking: entry.tracking, today: today))
        }
    }
}

extension SupportEnd {
    /// - Returns: `nil` when nothing is known.
    fileprivate init?(_ status: LifecycleStatus) {
        let date: String? = if case .date(let day) = status.endOfLife { day.description } else { nil }
        switch status.state {
        case .ended: self.init(.ended, date: date)
        case .endsSoon: self.init(.endsSoon, date: date)
        case .supported: self.init(.supported, date: date)
        case .unknownDate, .unknownCycle, .unknownProduct, .noVersion: return nil
        }
    }
}
