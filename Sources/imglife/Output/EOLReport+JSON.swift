import FoundationEssentials
import Lifecycle
import OCI

extension EOLReport {
    /// The report as `--output json` prints it, keys sorted, ending in a newline.
    ///
    /// `{"date", "failures": [{"reason", "source", "target"}], "rows": [{"cycle", "days_left", "eol", "newest",
    /// "newest_date", "newest_in_cycle", "product", "source", "stale", "status", "tag", "target"}], "version": 1}`. All
    /// keys are always there; `null` means unknown. `eol` is a date or a boolean, as in the service's rows; `status` one
    /// of ``LifecycleStatus/State``. `tag` is the target's.
    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let document = Document(
            date: today.description,
            failures: failures.map(EncodableFailure.init),
            rows: rows.map(EncodableRow.init)
        )
        return try encoder.encode(document) + Data("\n".utf8)
    }

    private struct Document: Encodable {
        let version = 1
        let date: String
        let failures: [EncodableFailure]
        let rows: [EncodableRow]
    }

    private struct EncodableFailure: Encodable {
        let source: String
        let target: String
        let reason: String

        init(_ failure: Failure) {
            source = failure.source.description
            target = failure.target.description
            reason = failure.reason
        }
    }

    private struct EncodableRow: Encodable {
        let row: Row

        private enum CodingKeys: String, CodingKey {
            case source, target, tag, product, cycle, status, eol, newest, stale
            case daysLeft = "days_left"
            case newestDate = "newest_date"
            case newestInCycle = "newest_in_cycle"
        }

        func encode(to encoder: any Encoder) throws {
            let status = row.status
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(row.source.description, forKey: .source)
            try container.encode(row.target.description, forKey: .target)
            try container.encode(status.tag.description, forKey: .tag)
            try container.encode(status.product, forKey: .product)
            try container.encode(status.cycle, forKey: .cycle)
            try container.encode(status.state.rawValue, forKey: .status)
            switch status.endOfLife {
            case .date(let date): try container.encode(date.description, forKey: .eol)
            case .ended: try container.encode(true, forKey: .eol)
            case .notEnded: try container.encode(false, forKey: .eol)
            case .unknown: try container.encodeNil(forKey: .eol)
            }
            try container.encode(status.daysLeft, forKey: .daysLeft)
            try container.encode(status.newest, forKey: .newest)
            try container.encode(status.newestReleaseDate?.description, forKey: .newestDate)
            try container.encode(status.isNewestInCycle, forKey: .newestInCycle)
            try container.encode(status.isStale, forKey: .stale)
        }
    }
}
