import GRDB

/// What the index says of the cache as a whole.
struct MetaRows {
    /// What is noted.
    ///
    /// Verifications note more, under names of their own.
    enum Key {
        /// Whether the last process closed the index in order: `0` or `1`.
        static let clean = "clean"
        /// The program that made the tables what they are.
        static let writtenBy = "written_by"
        /// The number of the last backup that was begun.
        static let backup = "backup"
        /// That the index was lost once, and what was lost with it.
        static let restoration = "restoration"
        /// That names were lost and are awaited: `1`, or until when.
        static let lacksNames = "lacks_names"
        /// Until when others are awaited than the lost names that are known, in seconds since 1970; without a run if missing.
        static let lacksOthers = "lacks_others"
        /// When times were seen first that lie ahead, in seconds since 1970.
        static let aheadSince = "ahead_since"
        /// When it was seen first that something had been kept for its time, in seconds since 1970.
        static let dueSince = "due_since"
    }

    let db: Database

    /// - Returns: `nil` when nothing is noted.
    func value(of key: String) throws -> String? {
        try String.fetchOne(db.cachedStatement(sql: "SELECT value FROM meta WHERE key = ?"), arguments: [key])
    }

    func set(_ key: String, to value: String) throws {
        try db.executeCached(
            sql: """
                INSERT INTO meta (key, value) VALUES (?, ?)
                ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value
                """,
            arguments: [key, value]
        )
    }

    /// Notes a time, in seconds since 1970, or that there is none.
    func note(_ time: Int64?, as key: String) throws {
        if let time { try set(key, to: "\(time)") } else { try remove(key) }
    }

    func remove(_ key: String) throws {
        try db.executeCached(sql: "DELETE FROM meta WHERE key = ?", arguments: [key])
    }
}
