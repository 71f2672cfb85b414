import GRDB
import Glibc
import Logging
import OCI

/// Copies of the index in `backup/`, the newest few, from which a lost one is restored.
struct IndexBackups: Sendable {
    /// How many are kept.
    static let limit = 3
    /// What has another number is none of ours.
    static let numbers = 0..<1 << 53

    let directory: Directory
    let logger: Logger

    /// A copy, by its number; a higher one is newer.
    struct Copy: Hashable, Sendable {
        let number: Int
        var name: String { "index-\(number).sqlite" }
    }

    /// The copies, newest first.
    func copies() throws(SystemError) -> [Copy] {
        var copies: [Copy] = []
        for name in try directory.names() where name.hasPrefix("index-") && name.hasSuffix(".sqlite") {
            guard let number = Int(name.dropFirst("index-".count).dropLast(".sqlite".count)),
                Self.numbers.contains(number), try directory.status(name)?.isDirectory == false
            else { continue }
            copies.append(Copy(number: number))
        }
        return copies.sorted { $0.number > $1.number }
    }

    /// Adds a copy and removes the oldest; a reader of the directory sees it whole or not at all.
    ///
    /// Its number is higher than all before, also when somebody has removed the copies: an index of then may be put back.
    /// Only with the lock `backup`. An older index that somebody has written over the one in use is not copied.
    func add(_ index: CacheIndex, of store: StoreDirectory) throws {
        guard try !areAhead(of: index, of: store) else {
            throw CacheError(
                .inputOutput,
                Self.action,
                path: index.path,
                "an older one was put in its place while it was in use; it is made again once nobody has the cache open"
            )
        }
        for name in try directory.names() where name.hasPrefix(".index.") { remove(name) }
        let temporary = ".index.\(String(UInt64.random(in: .min ... .max), radix: 16))"
        do {
            _ = try directory.openFile(temporary, flags: O_RDWR | O_CREAT | O_EXCL)
            let old = try copies()
            let new = Copy(number: max(old.first?.number ?? 0, try index.backupNumber() ?? 0) + 1)
            try index.note(backup: new.number)
            try Self.copy(index, to: "\(directory.path)/\(temporary)", Self.action)
            // SQLite has closed it, so that nobody's locks on it are lost by this.
            let file = try directory.openFile(temporary, flags: O_RDWR)
            try file.sync()
            try directory.rename(temporary, to: directory, new.name)
            try directory.sync()
            for copy in old.dropFirst(Self.limit - 1) { remove(copy.name) }
        } catch {
            try? directory.remove(temporary)
            throw error
        }
    }

    /// Removes all copies that are older than one; without it than the newest.
    ///
    /// - Returns: whether there were any.
    func removeOld(before copy: Copy? = nil) -> Bool {
        let copies = (try? copies()) ?? []
        let old = copies.filter { $0.number < (copy ?? copies[0]).number }
        return old.reduce(false) { remove($1.name) || $0 }
    }

    /// A copy is as good beside one that cannot be removed.
    ///
    /// - Returns: whether it is gone.
    @discardableResult
    private func remove(_ name: String) -> Bool {
        do throws(SystemError) {
            try directory.remove(name)
            return true
        } catch {
            let failure = CacheError(error, "remove", path: "\(directory.path)/\(name)")
            logger.warning("an old backup of the index could not be removed", metadata: ["error": "\(failure)"])
            return false
        }
    }

    /// Whether a copy was made of an index that knew more than this one: this is an older one that was put back.
    ///
    /// A copy that does not say its number itself is of an earlier version, or of somebody else's making.
    func areAhead(of index: CacheIndex, of store: StoreDirectory) throws -> Bool {
        // Before the index is asked: another process notes the number of a copy before it makes it.
        let copies = try copies()
        let known = try index.backupNumber() ?? 0
        return try copies.contains { copy in
            guard copy.number > known else { return false }
            return try unlessUnusable {
                guard let backup = try open(copy, of: store) else { return false }
                defer { try? backup.close() }
                return try backup.backupNumber() == copy.number
            } ?? false
        }
    }

    /// What `body` learns of a copy; `nil` where that is not what it should be.
    ///
    /// That it could not be read, or what is made of it not written, says nothing about it.
    private func unlessUnusable<Value>(_ body: () throws -> Value?) throws -> Value? {
        do {
            return try body()
        } catch let error as CacheError where [.damagedIndex, .newerSchema, .untrusted].contains(error.kind) {
            logger.warning("a backup of the index is unusable", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// - Returns: `nil` for what is none.
    private func open(_ copy: Copy, of store: StoreDirectory) throws -> CacheIndex? {
        guard try IndexFiles(directory: store).check(copy.name, in: directory, mayHaveNames: true) else { return nil }
        return try CacheIndex(path: "\(directory.path)/\(copy.name)", isReadOnly: true)
    }

    /// Fills a file of a store, which is made or emptied, from the newest copy that is sound and not of a newer version.
    ///
    /// - Parameters:
    ///   - scratch: the file.
    ///   - store: whose.
    ///   - giveUp: gives up a little space where there is none for a copy.
    /// - Returns: the copy; `nil` when there is none, and the file is empty.
    /// - Throws: ``CacheError``; ``SystemError``.
    func restore(
        into scratch: String,
        of store: StoreDirectory,
        giveUp: @escaping @Sendable (Copy) -> Ballast.Answer
    ) throws -> Copy? {
        // Not by SQLite, which does not tell what keeps it from making a file.
        let empty = { _ = try store.root.openFile(scratch, flags: O_RDWR | O_CREAT | O_TRUNC) }
        for copy in try copies() {
            let restored: Copy? = try unlessUnusable {
                guard let backup = try open(copy, of: store) else { return nil }
                defer { try? backup.close() }
                _ = try backup.schemaState()
                guard try backup.passesIntegrityCheck() else { return nil }
                backup.handle(onError: { _ in }, onFull: { giveUp(copy) })
                try backup.withRoom {
                    try empty()
                    try Self.copy(backup, to: "\(store.path)/\(scratch)", "restore the index from")
                }
                return copy
            }
            if let restored { return restored }
        }
        try empty()
        return nil
    }
}

extension IndexBackups {
    /// So many pages are copied before writers get their turn: 4 MiB, some milliseconds.
    private static let pagesAtOnce: CInt = 1024
    /// A copy begins again when another process has written meanwhile; after so many times it is given up.
    private static let copyAttempts = 5

    /// The index is being written all the time; a later copy will do.
    struct Busy: Error {}

    /// Copies everything as it is at one moment into an empty file, which is not synced.
    ///
    /// By a connection of its own, and little by little, so that no writer of any process waits for more than a part.
    ///
    /// - Throws: ``CacheError``; ``Busy``.
    private static func copy(_ index: CacheIndex, to path: String, _ action: String) throws {
        let source = try CacheIndex(path: index.path, isReadOnly: true)
        defer { try? source.close() }
        let target = try target(path, of: index, action)
        do {
            // Not within a transaction, which would keep the lock that each part takes and gives back.
            try source.queue.unsafeRead { db in
                // Each page is read once: what the connection keeps of them is of no use.
                try db.execute(sql: "PRAGMA cache_size = -256")
                try target.writeWithoutTransaction { try copy(db, to: $0) }
            }
            try target.close()
        } catch let error as Busy {
            throw error
        } catch {
            throw CacheError(
                index: error,
                action,
                index.path,
                system: SQLiteRefusal.last(target) ?? SQLiteRefusal.last(source.queue)
            )
        }
    }

    private static let action = "back up the index"

    private static func target(
        _ path: String,
        of index: CacheIndex,
        _ action: String
    ) throws(CacheError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA journal_mode = OFF")
            try db.execute(sql: "PRAGMA synchronous = OFF")
        }
        do {
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            throw CacheError(index: error, action, index.path, system: SQLiteRefusal.ofOpening(path))
        }
    }

    private static func copy(_ source: Database, to target: Database) throws {
        var (left, starts) = (Int.max, 1)
        try source.backup(to: target, pagesPerStep: pagesAtOnce) { progress in
            if progress.remainingPageCount >= left { starts += 1 }
            left = progress.remainingPageCount
            guard starts <= copyAttempts || progress.isCompleted else { throw Busy() }
        }
    }
}
