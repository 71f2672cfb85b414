import Synchronization

/// Gathers rows as they end and gives them back in the configuration's order.
final class RowCollector: Sendable {
    private struct Place: Hashable {
        let entry: Int
        let order: Int
    }

    private let gathered = Mutex<[Place: SyncReport.Row]>([:])

    func add(_ row: SyncReport.Row, entry: Int, order: Int) {
        gathered.withLock { $0[Place(entry: entry, order: order)] = row }
    }

    var rows: [SyncReport.Row] {
        gathered.withLock { gathered in
            gathered.sorted { left, right in
                (left.key.entry, left.key.order) < (right.key.entry, right.key.order)
            }
            .map(\.value)
        }
    }
}
