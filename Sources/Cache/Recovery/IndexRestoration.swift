import FoundationEssentials
import GRDB
import OCI

/// That the index was lost once, and what was lost with it.
package struct IndexRestoration: Codable, Hashable, Sendable {
    /// Seconds since 1970.
    package let restoredAt: Int64
    /// The backup it came from, or `index.json` where there was none.
    package let source: String
    /// The tags that were known and could not be restored, sorted.
    package let lostNames: [String]
}

extension MetaRows {
    func record(_ restoration: IndexRestoration) throws {
        try set(Key.restoration, to: String(decoding: try JSONEncoder().encode(restoration), as: UTF8.self))
    }

    /// Notes that names were lost, until a run has brought them back or that time has come, in seconds since 1970.
    func lackNames(until end: Int64?) throws {
        // What earlier versions wrote, without an end.
        try set(Key.lacksNames, to: end.map(String.init) ?? "1")
    }

    /// Until when names are lacking; `nil` when none are.
    func endOfLackingNames() throws -> Int64? {
        try value(of: Key.lacksNames).map { $0 == "1" ? .max : Int64($0) ?? .max }
    }

    func restoration() throws -> IndexRestoration? {
        try value(of: Key.restoration).flatMap {
            try? JSONDecoder().decode(IndexRestoration.self, from: Data($0.utf8))
        }
    }
}
