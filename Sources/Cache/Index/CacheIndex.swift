import GRDB
import Glibc
import OCI
import Synchronization

/// The SQLite database beside the blobs: names, times, leases, and who refers to what.
///
/// The files are the truth for content; losing the index loses names only. What it holds is read and written through the
/// rows of a `Database` (``BlobRows``, ``NameRows`` and the like), within one transaction each call of ``read(_:)`` or
/// ``write(_:)``. From tasks these do not block; where there is no task they do.
final class CacheIndex: Sendable {
    static let fileName = "index.sqlite"

    let path: String
    let queue: DatabaseQueue
    private let isReadOnly: Bool
    private let thread = IndexThread()
    private let writes = Mutex(0)
    private let isSumVoid = Mutex(false)
    private let handlers = Mutex(Handlers())

    /// What is done about errors beside throwing them.
    private struct Handlers {
        var onError: @Sendable (CacheError) -> Void = { _ in }
        /// Frees a little space.
        var onFull: @Sendable () -> Ballast.Answer = { .reserved }
    }

    /// Opens the database, creating an empty file when it is missing; it has no tables before ``migrate()``.
    ///
    /// Read-only it must be there, and nothing is ever written.
    init(path: String, isReadOnly: Bool = false) throws(CacheError) {
        self.path = path
        self.isReadOnly = isReadOnly
        do {
            queue = try IndexFiles.opening.withLock { _ in
                try DatabaseQueue(path: path, configuration: Self.configuration(path, isReadOnly: isReadOnly))
            }
        } catch let error as CacheError {
            throw error
        } catch {
            throw CacheError(index: error, Self.opening, path, system: SQLiteRefusal.ofOpening(path))
        }
    }

    /// Transactions that wrote, since it was opened.
    var writeCount: Int { writes.withLock { $0 } }

    func close() throws(CacheError) {
        do {
            try queue.close()
        } catch {
            throw CacheError(index: error, "close the index", path)
        }
    }

    /// Runs one durable transaction on the index's thread; to its end also when the task is cancelled.
    ///
    /// Where the disk is full for it room is made once, but for who holds a lock that a collection takes (``StoreLocks``).
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await Reclaiming.retrying { try await thread.run { try self.write(body) } }
    }

    /// Reads at one moment, on the index's thread.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await thread.run { try self.read(body) }
    }

    /// Runs one durable transaction (`BEGIN IMMEDIATE`); blocks.
    func write<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        guard !isReadOnly else {
            throw CacheError(
                .permission,
                "write the index",
                path: path,
                "the cache is read-only here; run this where it can be written"
            )
        }
        return try withRoom { () throws(CacheError) in try writeOnce(body) }
    }

    /// Runs something that writes, and again as long as the disk is full for it and some space is given up.
    func withRoom<Value, Failure>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        while true {
            do {
                return try body()
            } catch {
                guard let full = error as? CacheError, full.kind == .diskFull else { throw error }
                switch handlers.withLock({ $0.onFull })() {
                case .given: continue
                case .reserved: throw error
                case .exhausted: throw full.withNothingLeft as? Failure ?? error
                }
            }
        }
    }

    /// Sets what is done about errors beside throwing them.
    func handle(
        onError: @escaping @Sendable (CacheError) -> Void,
        onFull: @escaping @Sendable () -> Ballast.Answer
    ) {
        handlers.withLock { $0 = Handlers(onError: onError, onFull: onFull) }
    }

    /// Says what an error of SQLite means, and has done about it what is to be done.
    private func failure(_ error: any Error, _ action: String, _ system: CInt? = nil) -> CacheError {
        let error = CacheError(index: error, action, path, system: system ?? SQLiteRefusal.last(queue))
        handlers.withLock { $0.onError }(error)
        return error
    }

    /// Before this process writes first, nothing on the disk may say any more what the file holds.
    ///
    /// Synced also when another process has removed it: perhaps it has not come to that.
    func voidSum() throws(CacheError) {
        do throws(SystemError) {
            try isSumVoid.withLock { isVoid throws(SystemError) in
                guard !isVoid else { return }
                try IndexSum.remove(besideIndex: path)
                isVoid = true
            }
        } catch {
            throw CacheError(error, "remove the sum of the index", path: "\(path).sum")
        }
    }

    private func writeOnce<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        try voidSum()
        // Before the rollback, which closes the journal.
        var system: CInt?
        do {
            let value = try queue.write { db in
                do {
                    let value = try body(db)
                    try db.meta.set(MetaRows.Key.clean, to: "0")
                    return value
                } catch {
                    system = SQLiteRefusal.last(db)
                    throw error
                }
            }
            writes.withLock { $0 += 1 }
            return value
        } catch let error as CacheError {
            throw error
        } catch {
            throw failure(error, "write the index", system)
        }
    }

    /// Reads at one moment; blocks.
    ///
    /// It must not write. Not by the queue's own reading: that sets `query_only` and takes it back, upon which SQLite compiles
    /// every statement anew.
    func read<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        do {
            return try queue.unsafeRead { db in
                let changes = db.totalChangesCount
                defer { assert(db.totalChangesCount == changes, "a reader has written") }
                return try Self.atOneMoment(db, body)
            }
        } catch let error as CacheError {
            throw error
        } catch {
            throw failure(error, "read the index")
        }
    }
}

extension CacheIndex {
    private static func atOneMoment<Value>(_ db: Database, _ body: (Database) throws -> Value) throws -> Value {
        try db.beginTransaction(.deferred)
        do {
            let value = try body(db)
            try db.commit()
            return value
        } catch {
            try? db.rollback()
            throw error
        }
    }

    private static let opening = "open the index"

    /// Looks again whether the index is free: at first so often that somebody who writes all the time cannot keep a reader
    /// out, which holds for a moment between two commits only; for about ten seconds altogether.
    private static func awaitTurn(_ tries: Int) -> Bool {
        let isNew = tries < 500
        usleep(isNew ? 1000 : 10_000)
        return isNew || tries < 1450
    }

    private static func configuration(_ path: String, isReadOnly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.label = "cache index"
        configuration.busyMode = .callback(awaitTurn)
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { db in
            do {
                for pragma in isReadOnly ? checks : durability + checks { try db.execute(sql: pragma) }
            } catch {
                throw CacheError(index: error, opening, path, system: SQLiteRefusal.last(db))
            }
        }
        return configuration
    }

    private static let durability = ["PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = EXTRA"]

    private static let checks = [
        "PRAGMA temp_store = MEMORY",
        // In KiB; what is not needed is not taken. The system keeps what does not fit, and whoever goes through much of a very
        // large index does so in the order of its keys.
        "PRAGMA cache_size = -4096",
        "PRAGMA mmap_size = 0",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA cell_size_check = ON",
    ]
}
