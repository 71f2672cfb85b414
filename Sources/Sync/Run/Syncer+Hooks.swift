import Cache
import Glibc
import Logging
import OCI

extension Syncer {
    /// Runs hooks after an entry or after the run, with the report of what they follow in a file of their own.
    ///
    /// - Returns: the outcomes; none when there is no ``HookRunner``.
    /// - Throws: `CancellationError` only.
    func runHooks(
        _ hooks: [Hook]?,
        after report: @autoclosure () -> SyncReport,
        of entry: Int?
    ) async throws -> [HookOutcome] {
        guard let hooks, let runner = options.hooks else { return [] }
        let report = report()
        let path = await writeReport(report)
        defer { if let path { unlink(path) } }
        return try await runner.run(hooks, context: context(report, entry: entry, path: path))
    }

    private func context(_ report: SyncReport, entry: Int?, path: String?) -> HookContext {
        // Several tags of a source may be one at the target.
        var places: Set<Names.Place> = []
        let tags = report.rows.compactMap { row -> TagName? in
            guard row.status == .synced, let tag = row.targetTag else { return nil }
            return places.insert(Names.Place(location: row.target, tag: tag)).inserted ? tag : nil
        }
        return HookContext(
            entry: entry,
            source: entry.map { configuration.entries[$0].source },
            target: entry.map { configuration.entries[$0].target },
            tags: tags,
            synced: report.synced,
            upToDate: report.upToDate,
            errors: report.errors,
            hasFailed: report.errors + report.hookErrors > 0,
            duration: report.duration,
            report: path
        )
    }

    /// - Returns: where it is; `nil` when it could not be written, which the log tells and the hooks survive.
    private func writeReport(_ report: SyncReport) async -> String? {
        let directory = getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let path = "\(directory)/imglife-report-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36)).json"
        do {
            try await ReportFile.write(ReportDocument(report, started: report.started).text, to: path)
            return path
        } catch {
            logger.warning("the report for hooks could not be written", metadata: ["error": "\(error)"])
            return nil
        }
    }
}
