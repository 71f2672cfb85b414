import GRDB
import Glibc
import Logging
import OCI

/// Makes the index right while nobody else has the cache open: makes, upgrades, checks or replaces it.
///
/// Runs under the exclusive store lock; stopped at any point it can be run again. Nothing of it is open afterwards.
struct IndexRepair: Sendable {
    let directory: StoreDirectory
    let configuration: CacheConfiguration
    /// Used meanwhile.
    let ballast: Ballast

    private var files: IndexFiles { IndexFiles(directory: directory) }
    var backups: IndexBackups { IndexBackups(directory: directory.backup, logger: configuration.logger) }

    func run() throws {
        try finishRebuild()
        if try files.check() {
            try check()
        } else {
            try rebuild(Former())
        }
        try files.clearSuspicion()
    }

    private func check() throws {
        var former = Former()
        // Compared before SQLite opens it.
        var alteration = try files.alteration()
        do {
            let index = try CacheIndex(path: files.path)
            defer { try? index.close() }
            let newest = try backups.copies().first
            index.handle(onError: { _ in }, onFull: { giveUp(backupsBefore: newest) })
            if try alteration == nil && backups.areAhead(of: index, of: directory) { alteration = .older }
            if try alteration == nil && !files.isCondemned() && isSound(index) { return }
            former = try Former(readableIn: index, isCondemned: files.isCondemned())
        } catch let error as CacheError where error.kind == .damagedIndex {
            configuration.logger.debug("the index is unusable", metadata: ["error": "\(error)"])
        }
        configuration.logger.warning(
            "\(alteration == .older ? "an older index was put back" : "the index was damaged"); it is rebuilt from its backup, the blobs and index.json",
            metadata: ["aside": "\(directory.quarantine.path)"]
        )
        try rebuild(former)
    }

    /// Checks as much as there is reason for, and notes that it need not be done again.
    private func isSound(_ index: CacheIndex) throws -> Bool {
        do {
            if try index.schemaState() == .outdated { try index.migrate(by: configuration.version) }
            if try files.isSuspect() {
                _ = try NameWalk(index: index).tagsBlocking()
                return try index.passesIntegrityCheck()
            }
            guard try !index.wasClosedCleanly() else { return true }
            guard try index.passesQuickCheck() else { return false }
            try markChecked(index)
            return true
        } catch let error as CacheError where error.kind == .damagedIndex {
            configuration.logger.debug("the index is unusable", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// A full disk is no reason not to open: then the next process checks again.
    private func markChecked(_ index: CacheIndex) throws {
        do throws(CacheError) {
            try index.markClean()
        } catch {
            guard error.kind == .diskFull else { throw error }
        }
    }

    /// Gives up some space on a full disk, where nobody could open the cache, a collection no more than others: what is set
    /// aside, then what was put aside, then backups that are older than one.
    func giveUp(backupsBefore copy: IndexBackups.Copy?) -> Ballast.Answer {
        if ballast.drop() { return .given }
        if let removed = try? Evidence(directory).remove(oldCopies: true), removed.blobs > 0 { return .given }
        guard let copy, backups.removeOld(before: copy) else { return .exhausted }
        return .given
    }

    /// Keeps files as evidence, the index before its journal: without the journal it would be taken for another state.
    func moveAside(_ names: [String]) throws {
        let time = configuration.now()
        for name in names where try directory.root.status(name) != nil {
            try directory.root.rename(name, to: directory.quarantine, "\(name).\(time)")
        }
        try directory.root.sync()
        try? Evidence(directory).bound()
    }
}

extension IndexRepair {
    /// What an index held that is replaced, as far as it could be read; only good for telling.
    struct Former {
        private(set) var names: Set<ImageReference> = []
        /// Whether it had no other names, as SQLite finds nothing wrong with it.
        private(set) var isWhole = false
        /// What was lost before and is awaited.
        private(set) var lacking: LackingNames?
        /// The number of its last backup; `nil` where there is none that can be read.
        private(set) var backupNumber: Int?

        /// There was none, or nothing of it can be read.
        init() {}

        /// Reads each for itself; what SQLite has called malformed is never whole, whatever its checks say.
        init(readableIn index: CacheIndex, isCondemned: Bool) {
            lacking = try? index.read { try $0.meta.notedLackingNames() }
            backupNumber = try? index.backupNumber()
            do {
                try index.read { db in
                    let rows = try Row.fetchCursor(db, sql: "SELECT * FROM names NOT INDEXED")
                    while let row = try rows.next() { if let name = Self.name(row) { names.insert(name) } }
                }
                isWhole = try !isCondemned && index.passesIntegrityCheck()
            } catch {}
        }

        private static func name(_ row: Row) -> ImageReference? {
            guard let host: String = row["host"], let repository: String = row["repository"],
                let tag: String = row["reference"], !tag.contains(":"), row["is_whole"] as Int64? != 0
            else { return nil }
            return try? ImageReference("\(host)/\(repository):\(tag)")
        }

        /// Whether an index, made from a backup, knows what has become since of all that this one held.
        func isOlder(than restored: CacheIndex) throws(CacheError) -> Bool {
            guard let backupNumber, let number = try restored.backupNumber() else { return false }
            return backupNumber < number
        }
    }
}
