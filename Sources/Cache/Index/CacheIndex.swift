import GRDB
import Glibc
import OCI
import Synchronization

/// The SQLite database beside the blobs: names, times, leases, and who refers to what.
///
/// The files are the truth for content; losing the index loses names only. Methods block: call them through
/// ``blocking(_:)``.
final class CacheIndex: Sendable {
    static let fileName = "index.sqlite"

    let path: String
    private let queue: DatabaseQueue
    private let isReadOnly: Bool
    private let writes = Mutex(0)
    private let isSumVoid = Mutex(false)
    private let checked = Mutex(false)
    private let handlers = Mutex(Handlers())

    /// What is done about errors beside throwing them.
    private struct Handlers {
        var onError: @Sendable (CacheError) -> Void = { _ in }
        /// Frees a little space; returns whether it did.
        var onFull: @Sendable () -> Bool = { false }
    }

    /// Opens the database, creating an empty file when it is missing; it has no tables before ``migrate()``.
    ///
    /// Read-only it must be there, and nothing is ever written.
    init(path: String, isReadOnly: Bool = false) throws(CacheError) {
        self.path = path
        self.isReadOnly = isReadOnly
        do {
            queue = try DatabaseQueue(path: path, configuration: Self.configuration(isReadOnly: isReadOnly))
        } catch {
            throw Self.error(error, "open the index", path)
        }
    }

    /// Transactions that wrote, since it was opened.
    var writeCount: Int { writes.withLock { $0 } }

    /// Whether it was found sound after somebody had not closed it in order, so that this need not be done again.
    var wasChecked: Bool { checked.withLock { $0 } }

    /// Itself, once it was found sound.
    var afterCheck: CacheIndex {
        checked.withLock { $0 = true }
        return self
    }

    func close() throws(CacheError) {
        do {
            try queue.close()
        } catch {
            throw Self.error(error, "close the index", path)
        }
    }

    /// Runs one durable transaction (`BEGIN IMMEDIATE`).
    func write<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        guard !isReadOnly else {
            throw CacheError(
                .permission,
                "write the index",
                path: path,
                "the cache is read-only here; run this where it can be written"
            )
        }
        do {
            return try writeOnce(body)
        } catch {
            guard error.kind == .diskFull, handlers.withLock({ $0.onFull })() else { throw error }
        }
        return try writeOnce(body)
    }

    /// Sets what is done about errors beside throwing them.
    func handle(
        onError: @escaping @Sendable (CacheError) -> Void,
        onFull: @escaping @Sendable () -> Bool
    ) {
        handlers.withLock { $0 = Handlers(onError: onError, onFull: onFull) }
    }

    private func note(_ error: CacheError) -> CacheError {
        handlers.withLock { $0.onError }(error)
        return error
    }

    /// Before this process writes first, nothing on the disk may say any more what the file holds.
    ///
    /// Synced also when another process has removed it: perhaps it has not come to that.
    private func voidSum() throws(CacheError) {
        do throws(SystemError) {
            try isSumVoid.withLock { isVoid throws(SystemError) in
                guard !isVoid else { return }
                try IndexSum.remove(besideIndex: path)
                isVoid = true
            }
        } catch {
            throw CacheError(error, "write the index", path: path)
        }
    }

    private func writeOnce<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        try voidSum()
        do {
            let value = try queue.write { db in
                let value = try body(db)
                try Self.markUnclean(db)
                return value
            }
            writes.withLock { $0 += 1 }
            return value
        } catch let error as CacheError {
            throw error
        } catch {
            throw note(Self.error(error, "write the index", path))
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        do {
            return try queue.read(body)
        } catch let error as CacheError {
            throw error
        } catch {
            throw note(Self.error(error, "read the index", path))
        }
    }

    /// Runs SQLite's backup, which holds other writers off while it copies.
    func backUp(_ body: (DatabaseQueue) throws -> Void) throws(CacheError) {
        do {
            try body(queue)
        } catch {
            throw Self.error(error, "back up the index", path)
        }
    }

    /// How the tables stand.
    enum SchemaState {
        case current
        /// None or older ones: ``migrate()`` is due.
        case outdated
    }

    /// - Throws: ``CacheError`` (`newerSchema`, `damagedIndex`).
    func schemaState() throws(CacheError) -> SchemaState {
        try read { db in
            if try Self.migrator.hasBeenSuperseded(db) {
                let version = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'written_by'")
                throw CacheError(
                    .newerSchema,
                    "open the cache's index",
                    path: path,
                    "it was written by a newer imglife\(version.map { " (\($0.displaySafe))" } ?? ""); use that version "
                        + "or a later one, or choose another --cache-dir"
                )
            }
            return try Self.migrator.hasCompletedMigrations(db) ? .current : .outdated
        }
    }

    /// Creates or upgrades the tables; only under the exclusive store lock.
    func migrate() throws(CacheError) {
        try voidSum()
        do {
            try Self.migrator.migrate(queue)
        } catch {
            throw Self.error(error, "upgrade the index", path)
        }
    }

    /// Whether the last process that used it closed it in order.
    func wasClosedCleanly() throws(CacheError) -> Bool {
        try read { try String.fetchOne($0, sql: "SELECT value FROM meta WHERE key = 'clean'") } != "0"
    }

    /// Whether SQLite finds the file's structure sound.
    func passesQuickCheck() throws(CacheError) -> Bool {
        try read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") } == "ok"
    }

    /// Notes that everything has been closed in order; only by the last process.
    func markClean() throws(CacheError) {
        do {
            try queue.write { db in
                try db.execute(sql: "UPDATE meta SET value = '1' WHERE key = 'clean'")
            }
        } catch {
            throw Self.error(error, "write the index", path)
        }
    }
}

extension CacheIndex {
    private static func markUnclean(_ db: Database) throws {
        try db.executeCached(
            sql: """
                INSERT INTO meta (key, value) VALUES ('clean', '0')
                ON CONFLICT (key) DO UPDATE SET value = '0' WHERE value <> '0'
                """
        )
    }

    private static func configuration(isReadOnly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.label = "cache index"
        configuration.busyMode = .timeout(10)
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { db in
            for pragma in isReadOnly ? checks : durability + checks { try db.execute(sql: pragma) }
        }
        return configuration
    }

    private static let durability = ["PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = EXTRA"]

    private static let checks = [
        "PRAGMA temp_store = MEMORY",
        // In KiB, where the index of a very large cache is walked through; what is not needed is not taken.
        "PRAGMA cache_size = -32768",
        "PRAGMA mmap_size = 0",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA cell_size_check = ON",
    ]

    private static func error(_ error: any Error, _ action: String, _ path: String) -> CacheError {
        guard let database = error as? DatabaseError else {
            return CacheError(.inputOutput, action, path: path, "\(error)", cause: error)
        }
        if database.resultCode == .SQLITE_IOERR {
            let text = database.message?.displaySafe ?? "disk I/O error"
            return CacheError(
                .inputOutput,
                action,
                path: path,
                code: EIO,
                "\(text); check the disk and its file system",
                cause: error
            )
        }
        // A backup's errors come with the text of the connection's last call, which went well.
        let text = database.message.flatMap { $0 == "not an error" ? nil : $0.displaySafe }
        let message = text ?? "SQLite error \(database.extendedResultCode)"
        let make = { (kind: CacheError.Kind, advice: String) in
            CacheError(kind, action, path: path, "\(message); \(advice)", cause: error)
        }
        switch database.resultCode {
        case .SQLITE_FULL: return make(.diskFull, "free some space, or put the cache on a larger disk with --cache-dir")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return make(.damagedIndex, "check the disk, then run again: the index is rebuilt from the blobs if need be")
        case .SQLITE_BUSY, .SQLITE_LOCKED: return make(.locked, "another process keeps it busy; try again")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            return make(.permission, "give this user write access to it, or choose another --cache-dir")
        default: return make(.inputOutput, "check the disk and its file system")
        }
    }
}

extension Database {
    /// Runs one statement that is compiled once: with the triggers in it, compiling takes longer than running.
    func executeCached(sql: String, arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
