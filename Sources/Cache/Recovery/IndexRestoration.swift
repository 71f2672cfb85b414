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

extension ContentCache {
    /// When the index was restored last, and which names were lost.
    ///
    /// - Returns: `nil` when that never happened.
    package func restoration() async throws -> IndexRestoration? {
        try await blocking { [index] in try index.restoration() }
    }
}

extension CacheIndex {
    private static let restorationKey = "restoration"

    func record(_ restoration: IndexRestoration) throws {
        let text = String(decoding: try JSONEncoder().encode(restoration), as: UTF8.self)
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO meta (key, value) VALUES (?, ?)
                    ON CONFLICT (key) DO UPDATE SET value = excluded.value
                    """,
                arguments: [Self.restorationKey, text]
            )
        }
    }

    func restoration() throws(CacheError) -> IndexRestoration? {
        try read { db in
            try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [Self.restorationKey])
        }.flatMap { try? JSONDecoder().decode(IndexRestoration.self, from: Data($0.utf8)) }
    }

    /// The tags' names in a database that may be damaged, as far as they can be read; only good for telling.
    func readableNames() -> Set<ImageReference> {
        var names: Set<ImageReference> = []
        try? read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT host, repository, tag FROM tags NOT INDEXED")
            while let row = try rows.next() {
                guard let host: String = row["host"], let repository: String = row["repository"],
                    let tag: String = row["tag"], let name = try? ImageReference("\(host)/\(repository):\(tag)")
                else { continue }
                names.insert(name)
            }
        }
        return names
    }
}
