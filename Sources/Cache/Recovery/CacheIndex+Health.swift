import GRDB
import OCI

extension CacheIndex {
    /// How the tables stand.
    enum SchemaState {
        case current
        /// None or older ones: ``migrate()`` is due.
        case outdated
    }

    /// - Throws: ``CacheError`` (`newerSchema`, `damagedIndex`).
    func schemaState() throws(CacheError) -> SchemaState {
        try read { db in
            let applied = try Schema.migrator.appliedIdentifiers(db)
            if !applied.isSubset(of: Schema.migrator.migrations) {
                // A newer version has made all of the changes known here, and then its own.
                guard applied.isSuperset(of: Schema.migrator.migrations) else {
                    throw CacheError(
                        .damagedIndex,
                        "open the cache's index",
                        path: path,
                        "it names unknown versions of its tables"
                    )
                }
                let version = try db.meta.value(of: MetaRows.Key.writtenBy)
                throw CacheError(
                    .newerSchema,
                    "open the cache's index",
                    path: path,
                    "it was written by a newer imglife\(version.map { " (\($0.displaySafe))" } ?? ""); use that version "
                        + "or a later one, or choose another --cache-dir"
                )
            }
            return try Schema.migrator.hasCompletedMigrations(db) ? .current : .outdated
        }
    }

    /// Creates or upgrades the tables, and notes who did; only under the exclusive store lock.
    func migrate(by version: String) throws(CacheError) {
        try voidSum()
        try withRoom { () throws(CacheError) in
            do {
                try Schema.migrator.migrate(queue)
                try queue.write { try $0.meta.set(MetaRows.Key.writtenBy, to: version) }
            } catch {
                throw CacheError(index: error, "upgrade the index", path, system: SQLiteRefusal.last(queue))
            }
        }
    }

    /// Whether the last process that used it closed it in order.
    func wasClosedCleanly() throws(CacheError) -> Bool {
        try read { try $0.meta.value(of: MetaRows.Key.clean) } != "0"
    }

    /// Whether SQLite finds the file's structure sound.
    func passesQuickCheck() throws(CacheError) -> Bool {
        try read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") } == "ok"
    }

    /// Notes that everything has been closed in order; only by the last process.
    func markClean() throws(CacheError) {
        try note("1", as: MetaRows.Key.clean)
    }

    /// The number of the last backup that was begun; none where there never was one.
    func backupNumber() throws(CacheError) -> Int? {
        let number = try read { try $0.meta.value(of: MetaRows.Key.backup) }.flatMap(Int.init)
        return number.flatMap { IndexBackups.numbers.contains($0) ? $0 : nil }
    }

    /// Notes the number of a backup, so that an index that knows less than the backups is known for an older one.
    func note(backup number: Int) throws(CacheError) {
        try note("\(number)", as: MetaRows.Key.backup)
    }

    /// Nothing of what is backed up changes by this: it does not count as writing.
    private func note(_ value: String, as key: String) throws(CacheError) {
        try voidSum()
        do {
            try queue.write { db in
                try db.meta.set(key, to: value)
            }
        } catch {
            throw CacheError(index: error, "write the index", path, system: SQLiteRefusal.last(queue))
        }
    }

    /// Whether SQLite finds nothing wrong, the agreement of tables and their indexes included.
    func passesIntegrityCheck() throws(CacheError) -> Bool {
        try read { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") } == "ok"
    }
}
