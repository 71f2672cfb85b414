import OCI
import Sync

/// What the live display shows at one instant: a line for each running transfer, and one for the whole run.
struct ProgressFrame {
    let snapshot: SyncProgress.Snapshot
    let width: Int
    let height: Int
    let elapsed: Duration
    /// In bytes a second; `nil` when it is not known yet.
    let rate: Double?
    /// How many bytes a second become done, smoothed over a longer time; for the estimate.
    var pace: Double?
    var wait: WaitingHosts.Wait?

    /// At least one line where there is any room, at most one fewer than the terminal has, none as long as it is wide.
    var lines: [String] {
        let columns = width - 1
        let room = height - 1
        guard columns >= 1, room >= 1 else { return [] }
        let total = TotalLine(snapshot: snapshot, elapsed: elapsed, rate: rate, pace: pace, wait: wait)
            .text(columns: columns)
        let transfers = snapshot.transfers
        guard columns >= TransferLine.minimumColumns, room >= 2, !transfers.isEmpty else { return [total] }
        if transfers.count <= room - 1 {
            return transfers.map { TransferLine(transfer: $0).text(columns: columns) } + [total]
        }
        let shown = transfers.prefix(room - 2).map { TransferLine(transfer: $0).text(columns: columns) }
        return shown + ["+\(transfers.count - shown.count) more", total]
    }
}

/// One transfer: its name, a bar, bytes and per cent, as far as there is room.
struct TransferLine {
    static let minimumColumns = 12
    private static let percentColumns = 4
    private static let amountColumns = 17

    let transfer: SyncProgress.Transfer

    /// Columns depend on the width alone, so that nothing moves sideways from one frame to the next.
    func text(columns: Int) -> String {
        switch columns {
        case ..<30:
            return name(columns - Self.percentColumns - 1) + " " + percent
        case ..<60:
            let room = columns - Self.percentColumns - 2
            let bar = room * 2 / 5
            return name(room - bar) + " " + self.bar(bar) + " " + percent
        default:
            let room = columns - Self.percentColumns - Self.amountColumns - 6
            let bar = min(40, room * 2 / 5)
            return name(min(48, room - bar)) + "  " + self.bar(bar) + "  "
                + ColumnText.right(amount, Self.amountColumns) + "  " + percent
        }
    }

    private func name(_ columns: Int) -> String { ColumnText.fitted(transfer.name, columns) }

    private var amount: String { ByteCount(max(0, transfer.sent), of: transfer.size).description }

    private var percent: String {
        ColumnText.right("\(Int(fraction * 100))%", Self.percentColumns)
    }

    private func bar(_ columns: Int) -> String {
        let done = Int(fraction * Double(columns))
        return String(repeating: "━", count: done) + String(repeating: "─", count: columns - done)
    }

    private var fraction: Double {
        guard transfer.size > 0 else { return 1 }
        return min(1, max(0, Double(transfer.sent) / Double(transfer.size)))
    }
}
