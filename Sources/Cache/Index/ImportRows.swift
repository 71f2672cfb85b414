import FoundationEssentials
import GRDB
package import OCI

extension CacheIndex {
    /// What volumes have brought is kept for this many seconds while the rest of their set is awaited.
    static let importLifetime: Int64 = 30 * 24 * 3600

    static let imports = """
        CREATE TABLE import_sets (
            id BLOB NOT NULL PRIMARY KEY,
            expires_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE import_volumes (
            set_id BLOB NOT NULL REFERENCES import_sets (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            PRIMARY KEY (set_id, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE import_items (
            set_id BLOB NOT NULL REFERENCES import_sets (id) ON DELETE CASCADE,
            digest BLOB NOT NULL,
            PRIMARY KEY (set_id, digest)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX import_items_digest ON import_items (digest);
        """

    /// Notes that a volume is here, and keeps its blobs from collection until the set is complete or has expired.
    ///
    /// - Returns: the numbers of the volumes that are here, sorted.
    func keep(_ digests: [Digest], of set: Digest, volume: Int, at now: Int64) throws(CacheError) -> [Int] {
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO import_sets (id, expires_at) VALUES (?, ?)
                    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
                    """,
                arguments: [set.key, now + Self.importLifetime]
            )
            try db.execute(
                sql: "INSERT INTO import_volumes (set_id, number) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [set.key, volume]
            )
            for digest in digests {
                try db.execute(
                    sql: "INSERT INTO import_items (set_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    arguments: [set.key, digest.key]
                )
            }
            return try Int.fetchAll(
                db,
                sql: "SELECT number FROM import_volumes WHERE set_id = ? ORDER BY number",
                arguments: [set.key]
            )
        }
    }

    /// Forgets a set that is complete; its images keep what they need.
    func release(importSet set: Digest) throws(CacheError) {
        let isKnown = try read {
            try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM import_sets WHERE id = ?)", arguments: [set.key])
        }
        guard isKnown == true else { return }
        try write { try $0.execute(sql: "DELETE FROM import_sets WHERE id = ?", arguments: [set.key]) }
    }

    /// Forgets the sets whose remaining volumes have not come in time.
    func expireImports(at now: Int64) throws(CacheError) {
        let isDue = try read { db in
            let sql = "SELECT EXISTS (SELECT 1 FROM import_sets WHERE expires_at < ?)"
            return try Bool.fetchOne(db, sql: sql, arguments: [now])
        }
        guard isDue == true else { return }
        try write { try $0.execute(sql: "DELETE FROM import_sets WHERE expires_at < ?", arguments: [now]) }
    }
}

extension ContentCache {
    /// Keeps what a volume has brought until the others have come; durable when it returns.
    ///
    /// - Returns: the numbers of the volumes that are here, sorted.
    package func keep(_ digests: [Digest], of set: Digest, volume: Int) async throws -> [Int] {
        try await blocking { [store] in
            try store.directory.ingest.sync()
            return try store.index.keep(digests, of: set, volume: volume, at: store.now)
        }
    }

    /// Forgets a set of volumes that is complete; its images keep what they need.
    package func release(importSet set: Digest) async throws {
        try await blocking { [store] in try store.index.release(importSet: set) }
    }
}
