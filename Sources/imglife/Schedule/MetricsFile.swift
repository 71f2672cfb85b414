import FoundationEssentials
import Glibc
import Lifecycle
import OCI
import Output
import Serve
import Sync

/// What became of the last run, as Prometheus text: for the node exporter's textfile collector, and for `serve`.
struct RunMetrics: Sendable {
    private let figures: [(name: String, labels: String, help: String, value: Double)]

    /// - Parameters:
    ///   - report: what the run came to.
    ///   - ended: when.
    ///   - lastSuccess: when a run last ended without an error, before this one.
    ///   - hasFailed: whether something failed that no tag's row tells.
    init(_ report: SyncReport, ended: Date, lastSuccess: Double?, hasFailed: Bool = false) {
        self.init(RunEnd(report, ended: ended, lastSuccess: lastSuccess, hasFailed: hasFailed), report)
    }

    /// Without a report it tells no more than when and how the run ended.
    init(_ end: RunEnd, _ report: SyncReport? = nil) {
        var figures = [
            ("imglife_sync_last_run_timestamp_seconds", "", "When the last run ended.", end.time),
            ("imglife_sync_last_run_duration_seconds", "", "How long the last run took.", end.duration),
            ("imglife_sync_last_run_success", "", "1 when the last run had no errors.", end.isSuccess ? 1 : 0),
        ]
        if let report { figures += Self.counts(of: report) }
        if let success = end.lastSuccess {
            figures.append((Self.successName, "", "When a run last ended without errors.", success))
        }
        self.figures = figures.map { (name: $0.0, labels: $0.1, help: $0.2, value: $0.3) }
    }

    private static func counts(of report: SyncReport) -> [(String, String, String, Double)] {
        let bytes = report.bytes
        let tags = "Tags of the last run, by what became of them."
        let moved = "Bytes of the last run, by where they came from or went."
        return [
            ("imglife_sync_tags", #"{status="synced"}"#, tags, Double(report.synced)),
            ("imglife_sync_tags", #"{status="up_to_date"}"#, tags, Double(report.upToDate)),
            ("imglife_sync_tags", #"{status="failed"}"#, tags, Double(report.errors)),
            ("imglife_sync_hook_errors", "", "Hooks of the last run that failed.", Double(report.hookErrors)),
            ("imglife_sync_bytes", #"{kind="downloaded"}"#, moved, Double(bytes.downloaded)),
            ("imglife_sync_bytes", #"{kind="from_cache"}"#, moved, Double(bytes.cached)),
            ("imglife_sync_bytes", #"{kind="mounted"}"#, moved, Double(bytes.mounted)),
            ("imglife_sync_bytes", #"{kind="pushed"}"#, moved, Double(bytes.pushed)),
        ]
    }

    fileprivate static let successName = "imglife_sync_last_success_timestamp_seconds"

    /// The same for `serve`, in whole numbers.
    var gauges: [ServeMetrics.Gauge] {
        figures.map { .init(name: $0.name, labels: $0.labels, help: $0.help, value: Int64($0.value.rounded())) }
    }

    /// The text exposition format, one `HELP` and `TYPE` a name.
    var text: String {
        var lines: [String] = []
        var told: Set<String> = []
        for figure in figures {
            if told.insert(figure.name).inserted {
                lines.append("# HELP \(figure.name) \(figure.help)")
                lines.append("# TYPE \(figure.name) gauge")
            }
            lines.append("\(figure.name)\(figure.labels) \(Self.shown(figure.value))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    fileprivate static func shown(_ value: Double) -> String {
        Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}

/// `--metrics-file`: replaced as a whole after each run.
struct MetricsFile: Sendable {
    let path: String

    /// Looks whether it can be written, before a run that would tell it at its end.
    ///
    /// - Throws: `FileError`.
    func check() throws(FileError) {
        let place: OutputPlace
        do throws(OutputPlaceError) {
            place = try OutputPlace(path)
        } catch {
            throw FileError(path: path, action: "write", code: error.code)
        }
        if case .directory = place { throw FileError(path: path, action: "write", code: EISDIR) }
    }

    /// - Throws: `FileError`; `CancellationError` while it waits for who reads a FIFO.
    func write(_ report: SyncReport, hasFailed: Bool = false) async throws {
        let metrics = RunMetrics(report, ended: Date(), lastSuccess: lastSuccess, hasFailed: hasFailed)
        try await DurableFile(path: path).replaceWaiting { put throws(FileError) in try put(Array(metrics.text.utf8)) }
    }

    /// What the file said before: a run with errors keeps when the last one without ended.
    private var lastSuccess: Double? {
        guard case .file(let file, true)? = try? OutputPlace(path),
            let text = try? String(contentsOf: URL(filePath: file), encoding: .utf8)
        else { return nil }
        let prefix = "\(RunMetrics.successName) "
        return text.split(separator: "\n").first { $0.hasPrefix(prefix) }.flatMap { Double($0.dropFirst(prefix.count)) }
    }
}
