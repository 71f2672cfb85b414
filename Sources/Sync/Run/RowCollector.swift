import FoundationEssentials
import Synchronization

/// Gathers rows as they end, gives them back in the configuration's order, and knows when an entry is complete.
final class RowCollector: Sendable {
    private struct State {
        /// Each entry's rows at their places.
        var gathered: [Int: [SyncReport.Row?]] = [:]
        var outstanding: [Int: Int] = [:]
        var starts: [Int: (date: Date, instant: ContinuousClock.Instant)] = [:]
        var hooks: [SyncReport.HookRecord] = []
        var warnings: [SyncReport.Warning] = []
        var unfinishedBytes = ByteTally()
        var unnamed = 0
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> (date: Date, instant: ContinuousClock.Instant)

    /// - Parameter now: the wall clock, and what durations are measured by.
    init(now: @escaping @Sendable () -> (date: Date, instant: ContinuousClock.Instant) = { (Date(), .now) }) {
        self.now = now
    }

    func begin(entry: Int) {
        state.withLock { $0.starts[entry] = now() }
    }

    /// Says how many rows the entry will have.
    ///
    /// - Returns: whether it is complete already, because it has none.
    func expect(_ count: Int, of entry: Int) -> Bool {
        state.withLock { state in
            state.outstanding[entry] = count
            state.gathered[entry] = Array(repeating: nil, count: count)
        }
        return count == 0
    }

    /// - Returns: whether this was the entry's last row.
    func add(_ row: SyncReport.Row, order: Int) -> Bool {
        state.withLock { state in
            state.gathered[row.entry]?[order] = row
            let rest = (state.outstanding[row.entry] ?? 0) - 1
            state.outstanding[row.entry] = rest
            return rest == 0
        }
    }

    func add(_ outcomes: [HookOutcome], entry: Int?) {
        state.withLock { state in
            state.hooks += outcomes.map { SyncReport.HookRecord(entry: entry, outcome: $0) }
        }
    }

    func add(_ warning: String, entry: Int) {
        state.withLock { $0.warnings.append(SyncReport.Warning(entry: entry, text: warning)) }
    }

    /// Takes note of what has passed for a tag that will have no row, as the run was stopped.
    func add(unfinished bytes: ByteTally) {
        state.withLock { $0.unfinishedBytes += bytes }
    }

    /// See ``SyncReport/unnamed``.
    func noteUnnamed() { state.withLock { $0.unnamed += 1 } }

    var unnamed: Int { state.withLock(\.unnamed) }

    var unfinishedBytes: ByteTally { state.withLock(\.unfinishedBytes) }

    /// What entries were warned of, in their order.
    var warnings: [SyncReport.Warning] { state.withLock { $0.warnings.sorted { $0.entry < $1.entry } } }

    /// The report of one entry.
    func report(of entry: Int) -> SyncReport {
        state.withLock { state in
            var report = SyncReport()
            report.rows = state.gathered[entry]?.compactMap(\.self) ?? []
            report.warnings = state.warnings.filter { $0.entry == entry }
            if let start = state.starts[entry] {
                report.started = start.date
                report.duration = now().instant - start.instant
            }
            return report
        }
    }

    /// All rows, which are handed over: a long listing has as many of them as it has tags.
    func takeRows() -> [SyncReport.Row] {
        state.withLock { state in
            var rows: [SyncReport.Row] = []
            rows.reserveCapacity(state.gathered.values.reduce(0) { $0 + $1.count })
            for entry in state.gathered.keys.sorted() {
                for case let row? in state.gathered.removeValue(forKey: entry) ?? [] { rows.append(row) }
            }
            return rows
        }
    }

    /// Puts back what was taken, for who asks later.
    func giveBack(_ rows: [SyncReport.Row]) {
        state.withLock { state in
            for row in rows { state.gathered[row.entry, default: []].append(row) }
        }
    }

    var hooks: [SyncReport.HookRecord] { state.withLock { $0.hooks } }
}
