import FoundationEssentials
import GRDB
import OCI

/// That the index was lost once, and what was lost with it.
package struct IndexRestoration: Codable, Hashable, Sendable {
    /// Seconds since 1970.
    package let restoredAt: Int64
    /// The backup it came from, or `index.json` where there was none.
    package let source: String
    /// The tags that were known and could not be restored, without those that have come back while they were awaited; sorted.
    package let lostNames: [String]
}

extension MetaRows {
    func record(_ restoration: IndexRestoration) throws {
        try set(Key.restoration, to: String(decoding: try JSONEncoder().encode(restoration), as: UTF8.self))
    }

    func restoration() throws -> IndexRestoration? {
        try value(of: Key.restoration).flatMap {
            try? JSONDecoder().decode(IndexRestoration.self, from: Data($0.utf8))
        }
    }
}
