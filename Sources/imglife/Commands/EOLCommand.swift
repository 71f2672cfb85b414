import ArgumentParser
import Lifecycle
import Logging
import OCI
import Registry
import Sync

/// `imglife eol`: how long the mirrored tags are supported.
struct EOLCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "eol",
        abstract: "Tell when the mirrored tags reach their end of life.",
        discussion: """
            Asks the targets of all entries with 'lifecycle' for their tags. Exit codes: 0 all could be told; 1 a target \
            could not be listed, --update failed, or --fail-within found something or has no data; 64 bad usage; 78 invalid \
            configuration.
            """
    )

    @ParentCommand var parent: Imglife
    var copies: Bool { true }

    @Flag(help: "Ask the end-of-life service again, whatever the data file's age; that it cannot be had is an error.")
    var update = false

    @Option(
        help: ArgumentHelp(
            "Exit with 1 when a tag is past its end of life or reaches it in this time: 90d, 12w.",
            valueName: "time"
        ),
        transform: { text in
            do throws(QuantityError) {
                return try DayCount(text)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    )
    var failWithin: DayCount?

    @Option(
        name: .customLong("entry"),
        parsing: .singleValue,
        help: ArgumentHelp("Only entries whose source or target matches the glob; repeatable.", valueName: "pattern"),
        completion: .entries
    )
    var entries: [String] = []

    @Option(help: "The report on standard output: a table, or one JSON document.")
    var output = SyncCommand.Output.text

    func run() async throws {
        try await Failure.exiting {
            let session = try Session(options: parent.options, copies: copies)
            let chosen = try session.positions(matching: entries)
            try await Interruption.run(logger: session.logger) {
                try await RegistryClient.with(session.usableRegistries) { client in
                    try await report(on: chosen, session, client)
                }
            }
        }
    }

    private func report(on chosen: [Int], _ session: Session, _ client: RegistryClient) async throws {
        let today = Session.today
        let survey = try await EOLSurvey(of: session.configuration, chosen, client: client)
        tell(survey, session.configuration.lifecycle.provider, session.logger)
        let update = try await refreshed(survey.products, session, client, today)
        for warning in update.warnings { session.logger.warning("\(warning)") }
        let report = survey.report(update.catalogue, today: today)
        try write(report, update)
        if hasFailed(report, update, session.logger) { throw Failure.failed }
    }

    /// Asks for release cycles; with patience where nothing could be told without them, or that is asked for.
    private func refreshed(
        _ products: Set<String>,
        _ session: Session,
        _ client: RegistryClient,
        _ today: CalendarDate
    ) async throws -> LifecycleUpdate.Result {
        let provider = session.configuration.lifecycle.provider
        let kept = (try? await session.lifecycleFile.read())?.products ?? [:]
        guard update || products.isDisjoint(with: kept.keys) else {
            return try await session.hurriedUpdate(of: products, by: provider, today: today)
        }
        return try await LifecycleUpdate(provider: provider, source: session.lifecycleSource(client), today: today)
            .run(file: session.lifecycleFile, products: products, isForced: update)
    }

    private func tell(_ survey: EOLSurvey, _ provider: LifecycleOptions.Provider, _ logger: Logger) {
        if update, provider == .local {
            logger.warning("--update has no effect with 'eol_provider: local', which never asks")
        }
        if survey.holdings.isEmpty { logger.warning("no entry has 'lifecycle', so there is nothing to report") }
        for holding in survey.holdings {
            let entry = holding.entry
            var metadata: Logger.Metadata = ["source": "\(entry.source)", "target": "\(entry.target)"]
            if let failure = holding.failure {
                metadata["error"] = "\(failure)"
                logger.error("the target's tags cannot be listed", metadata: metadata)
            } else if holding.tags.isEmpty {
                logger.notice("the target holds no tag of the entry yet", metadata: metadata)
            }
        }
    }

    private func write(_ report: EOLReport, _ result: LifecycleUpdate.Result) throws {
        switch output {
        case .text:
            let unanswered = Set(result.unanswered.compactMap(\.product))
            let table = EOLTable(report, width: Terminal.outputColumns, unanswered: unanswered)
            try StandardOutput.write(table.description)
        case .json:
            try StandardOutput.write(String(decoding: report.json(), as: UTF8.self))
        }
    }

    private func hasFailed(_ report: EOLReport, _ result: LifecycleUpdate.Result, _ logger: Logger) -> Bool {
        var hasFailed = !report.failures.isEmpty
        if update, !result.isRefreshed {
            logger.error("--update could not refresh everything; see the warnings")
            hasFailed = true
        }
        guard let failWithin else { return hasFailed }
        let unanswered = result.unanswered
        if !unanswered.isEmpty {
            logger.error(
                "--fail-within cannot tell: there is no end-of-life data; see the warnings, or give lifecycle.eol_data_file",
                metadata: ["products": "\(unanswered.compactMap(\.product).joined(separator: ", ").displaySafe)"]
            )
            hasFailed = true
        }
        let ending = report.ending(within: failWithin).count
        if ending > 0 {
            logger.error(
                "tags are at the end of their life",
                metadata: ["tags": "\(ending)", "within_days": "\(failWithin.days)"]
            )
        }
        return hasFailed || ending > 0
    }
}

extension LifecycleUpdate.Result {
    /// Whether the service told all that it knows, and can be expected to: rows that somebody wrote by hand may be of products
    /// that it never heard of.
    fileprivate var isRefreshed: Bool {
        warnings.allSatisfy { warning in
            let copy = warning.product.flatMap { catalogue.products[$0] }
            return warning.kind == .unknownProduct && copy?.fetched == nil
        }
    }

    /// Why nothing at all is known of products: the service did not answer, or not in its own form, or there is no data
    /// file that has them.
    fileprivate var unanswered: [LifecycleWarning] {
        let hasFile = !warnings.contains { $0.kind == .unreadableFile }
        return warnings.filter { warning in
            guard let product = warning.product, catalogue.products[product] == nil else { return false }
            return warning.kind == .unknownProduct ? !hasFile : true
        }
    }
}
