package import FoundationEssentials
import OCI

/// A run's report as other programs read it: JSON of version 1, described by `docs/schema/report.schema.json`.
///
/// Keys stand in a fixed order and are all there, with `null` for what is not known; only `drifted`, `referrers`, `code`,
/// `tries`, `duration_seconds`, `warnings`, `lifecycle` and `hooks` are left out when there is nothing to say. Control and direction characters come out escaped.
package struct ReportDocument: Sendable {
    /// How many tags are past their end of life, or soon will be.
    package struct Lifecycle: Hashable, Sendable {
        /// What went wrong when the ends were asked for; never an error of the run.
        package struct Warning: Hashable, Sendable {
            /// A stable name.
            package let code: String
            /// `nil` when the data file is meant.
            package let product: String?
            package let text: String

            package init(code: String, product: String?, text: String) {
                (self.code, self.product, self.text) = (code, product, text)
            }
        }

        package let endOfLife: Int
        package let endingSoon: Int
        /// Tags about whose end nothing could be said.
        package let unknown: Int
        package var warnings: [Warning] = []

        package init(endOfLife: Int, endingSoon: Int, unknown: Int) {
            self.endOfLife = endOfLife
            self.endingSoon = endingSoon
            self.unknown = unknown
        }
    }

    /// How one hook ended.
    package struct Hook: Hashable, Sendable {
        /// The entry that it belongs to, from 0; `nil` for one that runs after all entries.
        package let entry: Int?
        /// Its place in the configuration.
        package let name: String
        /// Why it failed; `nil` when it did not.
        package let failure: String?
        /// Whether a failure of it does not count: `continue_on_error`.
        package let isIgnored: Bool
        /// Whether it did not run, because one before it failed.
        package var isSkipped = false

        package init(entry: Int?, name: String, failure: String?, isIgnored: Bool = false) {
            self.entry = entry
            self.name = name
            self.failure = failure
            self.isIgnored = isIgnored
        }
    }

    package static let version: Int64 = 1

    package let report: SyncReport
    /// When the run began.
    package let started: Date
    package var lifecycle: Lifecycle?
    /// In the order in which they ran; `nil` when the document is written before they do.
    package var hooks: [Hook]?

    package init(_ report: SyncReport, started: Date, lifecycle: Lifecycle? = nil, hooks: [Hook]? = nil) {
        self.report = report
        self.started = started
        self.lifecycle = lifecycle
        self.hooks = hooks
    }

    /// The document with a line feed at its end; the same values give the same bytes.
    package var text: String {
        JSONTree.object(
            [
                ("version", .integer(Self.version)),
                ("run", run),
                ("totals", totals),
                ("bytes", Self.tree(report.bytes)),
                ("rows", .array(report.rows.map(Self.tree))),
            ] + warningsMember + lifecycleMember + hooksMember
        ).text
    }

    private var run: JSONTree {
        let hasFailed =
            report.errors + report.hookErrors > 0 || (hooks ?? []).contains { $0.failure != nil && !$0.isIgnored }
        return .object([
            ("started", .string(started.ISO8601Format())),
            ("duration_seconds", .seconds(report.duration)),
            ("dry_run", .bool(report.isDryRun)),
            ("status", .string(hasFailed ? "failure" : "success")),
        ])
    }

    private var totals: JSONTree {
        .object([
            ("managed", .integer(Int64(report.managed))),
            ("synced", .integer(Int64(report.synced))),
            ("up_to_date", .integer(Int64(report.upToDate))),
            ("errors", .integer(Int64(report.errors))),
        ])
    }

    private var lifecycleMember: [(key: String, value: JSONTree)] {
        guard let lifecycle else { return [] }
        let counts: [(key: String, value: JSONTree)] = [
            ("end_of_life", .integer(Int64(lifecycle.endOfLife))),
            ("ending_soon", .integer(Int64(lifecycle.endingSoon))),
            ("unknown", .integer(Int64(lifecycle.unknown))),
        ]
        let warnings = lifecycle.warnings.map { warning in
            JSONTree.object([
                ("code", .string(warning.code)), ("product", .optional(warning.product)),
                ("text", .string(warning.text)),
            ])
        }
        return [("lifecycle", .object(counts + (warnings.isEmpty ? [] : [("warnings", .array(warnings))])))]
    }

    private var warningsMember: [(key: String, value: JSONTree)] {
        guard !report.warnings.isEmpty else { return [] }
        let warnings = report.warnings.map { warning in
            JSONTree.object([("entry", .integer(Int64(warning.entry))), ("text", .string(warning.text))])
        }
        return [("warnings", .array(warnings))]
    }

    private var hooksMember: [(key: String, value: JSONTree)] {
        hooks.map { [("hooks", .array($0.map(Self.tree)))] } ?? []
    }

    private static func tree(_ row: SyncReport.Row) -> JSONTree {
        .object(
            [
                ("entry", .integer(Int64(row.entry))),
                ("source", .string(row.source.description)),
                ("source_tag", .optional(row.sourceTag)),
                ("target", .string(row.target.description)),
                ("target_tag", .optional(row.targetTag)),
                ("status", .string(row.status.rawValue)),
                ("digest", .optional(row.digest)),
                ("source_digest", .optional(row.sourceDigest)),
                ("bytes", tree(row.bytes)),
                ("reason", .optional(row.reason)),
            ] + (row.drifted.map { [("drifted", .bool($0))] } ?? [])
                + (row.plannedBytes.map { [("planned_bytes", .integer($0))] } ?? [])
                + (row.referrers > 0 ? [("referrers", .integer(Int64(row.referrers)))] : []) + details(of: row)
        )
    }

    private static func details(of row: SyncReport.Row) -> [(key: String, value: JSONTree)] {
        (row.code.map { [("code", .string($0.rawValue))] } ?? [])
            + (row.tries.map { [("tries", .integer(Int64($0)))] } ?? [])
            + (row.duration.map { [("duration_seconds", .seconds($0))] } ?? [])
            + (row.warnings.isEmpty ? [] : [("warnings", .array(row.warnings.map(JSONTree.string)))])
    }

    private static func tree(_ bytes: ByteTally) -> JSONTree {
        .object([
            ("downloaded", .integer(bytes.downloaded)),
            ("cached", .integer(bytes.cached)),
            ("mounted", .integer(bytes.mounted)),
            ("pushed", .integer(bytes.pushed)),
        ])
    }

    private static func tree(_ hook: Hook) -> JSONTree {
        .object([
            ("entry", hook.entry.map { .integer(Int64($0)) } ?? .null),
            ("name", .string(hook.name)),
            ("status", .string(hook.isSkipped ? "skipped" : hook.failure == nil ? "success" : "failure")),
            ("ignored", .bool(hook.failure != nil && hook.isIgnored)),
            ("reason", .optional(hook.failure)),
        ])
    }
}
