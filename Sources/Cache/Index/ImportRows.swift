import GRDB
import OCI

/// The sets of volumes of which some have been imported, and what these have brought.
struct ImportRows {
    /// What volumes have brought is kept for this many seconds while the rest of their set is awaited.
    static let lifetime: Int64 = 30 * 24 * 3600

    static let schema = """
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

    /// Which images of a set are awaited; of a set from before that was told, something that never comes.
    static let tops = """
        CREATE TABLE import_tops (
            set_id BLOB NOT NULL REFERENCES import_sets (id) ON DELETE CASCADE,
            digest BLOB NOT NULL,
            PRIMARY KEY (set_id, digest)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO import_tops (set_id, digest) SELECT id, id FROM import_sets;
        """

    let db: Database

    /// Notes that a volume is here, and keeps its blobs from collection until what is awaited of the set is whole or it has
    /// expired.
    ///
    /// - Returns: the numbers of the volumes that are here, sorted.
    func keep(
        _ digests: some Sequence<Digest>,
        of set: Digest,
        volume: Int,
        awaiting tops: [Digest],
        at now: Int64
    ) throws -> [Int] {
        try db.execute(
            sql: """
                INSERT INTO import_sets (id, expires_at) VALUES (?, ?)
                ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
                """,
            arguments: [set, now + Self.lifetime]
        )
        try db.execute(
            sql: "INSERT INTO import_volumes (set_id, number) VALUES (?, ?) ON CONFLICT DO NOTHING",
            arguments: [set, volume]
        )
        for top in tops {
            try db.executeCached(
                sql: "INSERT INTO import_tops (set_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [set, top]
            )
        }
        for digest in digests {
            try db.executeCached(
                sql: "INSERT INTO import_items (set_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [set, digest]
            )
        }
        return try Int.fetchAll(
            db.cachedStatement(
                sql: "SELECT number FROM import_volumes WHERE set_id = ? ORDER BY number"
            ),
            arguments: [set]
        )
    }

    /// Notes that some images are whole, and forgets the set if none is awaited any more.
    func settle(_ tops: [Digest], of set: Digest) throws {
        for top in tops {
            try db.executeCached(
                sql: "DELETE FROM import_tops WHERE set_id = ? AND digest = ?",
                arguments: [set, top]
            )
        }
        if try !db.exists("import_tops WHERE set_id = ?", [set]) { try release(set) }
    }

    /// Whether an image of a set is awaited.
    func awaits(_ top: Digest, of set: Digest) throws -> Bool {
        try db.exists("import_tops WHERE set_id = ? AND digest = ?", [set, top])
    }

    /// The images that are awaited, by their sets.
    func awaited() throws -> [Digest: Set<Digest>] {
        let rows = try Row.fetchCursor(db, sql: "SELECT set_id, digest FROM import_tops")
        var awaited: [Digest: Set<Digest>] = [:]
        while let row = try rows.next() {
            let set = try row.decode(Digest.self, atIndex: 0)
            awaited[set, default: []].insert(try row.decode(Digest.self, atIndex: 1))
        }
        return awaited
    }

    /// Has all volumes of a set count as not here yet; what they have brought is kept.
    func forgetVolumes(of set: Digest) throws {
        try db.execute(sql: "DELETE FROM import_volumes WHERE set_id = ?", arguments: [set])
    }

    /// Whether nothing is kept for a set's sake.
    func awaitNothing() throws -> Bool { try !db.exists("import_items", []) }

    /// Whether some of a set is here.
    func isKnown(_ set: Digest) throws -> Bool { try db.exists("import_sets WHERE id = ?", [set]) }

    /// Forgets a set; what else keeps what it has brought still does.
    func release(_ set: Digest) throws {
        try db.execute(sql: "DELETE FROM import_sets WHERE id = ?", arguments: [set])
    }

    /// Whether the remaining volumes of a set have not come in time.
    func isDue(at now: Int64) throws -> Bool { try db.exists("import_sets WHERE expires_at < ?", [now]) }

    /// Forgets the sets whose remaining volumes have not come in time.
    ///
    /// - Returns: these.
    func expire(at now: Int64) throws -> [Digest] {
        let sets = try Digest.fetchAll(db, sql: "SELECT id FROM import_sets WHERE expires_at < ?", arguments: [now])
        for set in sets { try release(set) }
        return sets
    }

    /// The sets of which some is here.
    func sets() throws -> [Digest] { try Digest.fetchAll(db, sql: "SELECT id FROM import_sets") }
}
