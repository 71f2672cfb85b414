import Synchronization

/// Gathers rows as they end, gives them back in the configuration's order, and knows when an entry is complete.
final class RowCollector: Sendable {
    fileprivate struct Place: Hashable {
        let entry: Int
        let order: Int
    }

    fileprivate struct State {
        var gathered: [Place: SyncReport.Row] = [:]
        var outstanding: [Int: Int] = [:]
        var starts: [Int: ContinuousClock.Instant] = [:]
        var hooks: [SyncReport.HookRecord] = []
    }

    private let state = Mutex(State())

    func begin(entry: Int) {
        state.withLock { $0.starts[entry] = .now }
    }

    /// Says how many rows the entry will have.
    ///
    /// - Returns: whether it is complete already, because it has none.
    func expect(_ count: Int, of entry: Int) -> Bool {
        state.withLock { $0.outstanding[entry] = count }
        return count == 0
    }

    /// - Returns: whether this was the entry's last row.
    func add(_ row: SyncReport.Row, order: Int) -> Bool {
        state.withLock { state in
            state.gathered[Place(entry: row.entry, order: order)] = row
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

    /// The report of one entry.
    func report(of entry: Int) -> SyncReport {
        state.withLock { state in
            var report = SyncReport()
            report.rows = state.rows { $0.entry == entry }
            report.duration = state.starts[entry].map { .now - $0 } ?? .zero
            return report
        }
    }

    var rows: [SyncReport.Row] { state.withLock { state in state.rows { _ in true } } }

    var hooks: [SyncReport.HookRecord] { state.withLock { $0.hooks } }
}

extension RowCollector.State {
    fileprivate func rows(where isWanted: (RowCollector.Place) -> Bool) -> [SyncReport.Row] {
        gathered.filter { isWanted($0.key) }
            .sorted { ($0.key.entry, $0.key.order) < ($1.key.entry, $1.key.order) }
            .map(\.value)
    }
}
