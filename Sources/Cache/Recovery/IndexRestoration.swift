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

extension Recovery {
    /// When the index was restored last, and which names were lost.
    ///
    /// - Returns: `nil` when that never happened.
    package func restoration() async throws -> IndexRestoration? {
        try await store.index.read { try $0.meta.restoration() }
    }
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

extension CacheIndex {
    /// The tags' names in a database that may be damaged, as far as they can be read; only good for telling.
    func readableNames() -> Set<ImageReference> {
        var names: Set<ImageReference> = []
        try? read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT * FROM names NOT INDEXED")
            while let row = try rows.next() {
                guard let host: String = row["host"], let repository: String = row["repository"],
                    let tag: String = row["reference"], !tag.contains(":"),
                    row["is_whole"] as Int64? != 0, let name = try? ImageReference("\(host)/\(repository):\(tag)")
                else { continue }
                names.insert(name)
            }
        }
        return names
    }
}
