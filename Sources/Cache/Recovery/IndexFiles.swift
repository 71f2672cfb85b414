import Glibc
import NIOCore
import OCI
import Synchronization

/// The index's file, and what stands beside it: whether it may be opened, whether it is what was written, and whether
/// somebody has found it failing.
///
/// Closing any descriptor of the database's file drops the locks that SQLite holds on it in this process (POSIX), so the
/// file is read only while this process cannot have it open: with the store's lock alone, or while no index is opened here.
struct IndexFiles: Sendable {
    /// Held while an index is opened in SQLite, and while one is read that nobody has open in this process.
    static let opening = Mutex(())

    private static let suspectName = "index.suspect"
    private static let condemnedName = "index.condemned"

    let directory: StoreDirectory

    private var root: Directory { directory.root }

    /// Of the database.
    var path: String { "\(directory.path)/\(CacheIndex.fileName)" }

    /// Whether there is an index; refuses what SQLite must not open by its name.
    func check() throws(CacheError) -> Bool {
        _ = try check("\(CacheIndex.fileName)-journal", in: root)
        return try check(CacheIndex.fileName, in: root)
    }

    /// Whether there is a database of that name.
    ///
    /// SQLite follows links and takes whatever it finds, so that what is no regular file with this one name, of this user, of
    /// root or of the cache's owner, is refused. What is only read may have other names, as after a copy by hard links.
    func check(_ name: String, in place: Directory, mayHaveNames: Bool = false) throws(CacheError) -> Bool {
        let path = "\(place.path)/\(name)"
        do throws(SystemError) {
            guard let status = try place.status(name) else { return false }
            let owners = [geteuid(), 0, try root.file.status().owner]
            guard status.isRegular, mayHaveNames || !status.hasOtherNames, owners.contains(status.owner) else {
                throw SystemError(call: "open", code: ELOOP)
            }
            return true
        } catch {
            guard error.code == ELOOP else { throw CacheError(error, "open", path: path) }
            throw CacheError(
                .untrusted,
                "open",
                path: path,
                code: error.code,
                "it must be a regular file with no other name, of this user or of the cache's owner; a hard link becomes one "
                    + "when it is copied and the copy renamed ('cp -p F F.new && mv F.new F'), anything else is to be removed, "
                    + "and the next command restores it",
                cause: error
            )
        }
    }
}

extension IndexFiles {
    /// Whether there is a sum to compare the index with, rather than none or the place of one.
    func hasSum() throws(SystemError) -> Bool {
        guard let sum = try root.status(IndexSum.fileName) else { return false }
        return !sum.isRegular || sum.size > 0
    }

    /// Whether the index is what the last process left, and what it is if not; only with the store's lock alone.
    func alteration() throws(CacheError) -> IndexSum.Alteration? {
        do throws(SystemError) {
            // With a journal the file is not what counts, until SQLite has rolled it back.
            if let journal = try root.status("\(CacheIndex.fileName)-journal"), journal.size > 0 { return nil }
            guard try root.status(CacheIndex.fileName) != nil,
                // Something else of that name says nothing.
                try root.status(IndexSum.fileName)?.isRegular == true,
                let text = try root.contents(IndexSum.fileName, limit: 16 << 20),
                let sum = IndexSum(String(buffer: text))
            else { return nil }
            return try sum.alteration(of: root.openFile(CacheIndex.fileName, flags: O_RDONLY))
        } catch {
            throw CacheError(error, "read the index", path: path)
        }
    }

    /// Notes what the index holds, after SQLite has closed it; with the store's lock alone.
    ///
    /// Others may come while it is read, which takes long when it is large. Whoever writes it then removes the sum, and with
    /// it the place that was made for this one; whoever stays writes the sum when it closes the index.
    ///
    /// - Returns: whether that is all; otherwise somebody has written, nobody is left, and the lock is held alone again.
    ///
    /// - Parameters:
    ///   - lock: the store's, which may be lost.
    ///   - sum: makes the sum of a file.
    /// - Throws: ``CacheError``.
    func writeSum(
        _ lock: OpenFile,
        _ sum: (OpenFile) throws(SystemError) -> IndexSum = IndexSum.init(of:)
    ) throws(CacheError) -> Bool {
        do throws(SystemError) {
            _ = try root.openFile(IndexSum.fileName, flags: O_RDWR | O_CREAT)
            let sum = try Self.opening.withLock { _ throws(SystemError) -> IndexSum? in
                guard try lock.tryLock(.shared) else { return nil }
                let file = try root.openFile(CacheIndex.fileName, flags: O_RDONLY)
                let version = try file.status().version
                let made = try sum(file)
                return try file.status().version == version ? made : nil
            }
            guard try lock.tryLock(.exclusive) else { return true }
            guard let sum, try root.status(IndexSum.fileName) != nil else { return false }
            try root.replace(IndexSum.fileName, with: ByteBuffer(string: sum.text))
            return true
        } catch {
            throw CacheError(error, "write the sum of the index", path: "\(directory.path)/\(IndexSum.fileName)")
        }
    }
}

extension IndexFiles {
    /// Whether SQLite found the index damaged, or could not read it, while it was in use.
    func isSuspect() throws(SystemError) -> Bool {
        if try isCondemned() { return true }
        return try root.status(Self.suspectName)?.isRegular == true
    }

    /// Whether SQLite found the index damaged: its checks do not see all that makes it say so.
    func isCondemned() throws(SystemError) -> Bool {
        try root.status(Self.condemnedName)?.isRegular == true
    }

    /// Has the index checked thoroughly at the next opening, as what a failing disk says of it now may not be so then;
    /// or rebuilt, when SQLite found it damaged.
    func suspect(_ error: CacheError) throws(SystemError) {
        let name = error.kind == .damagedIndex ? Self.condemnedName : Self.suspectName
        _ = try root.openFile(name, flags: O_RDWR | O_CREAT)
        try root.sync()
    }

    func clearSuspicion() throws(SystemError) {
        guard try isSuspect() else { return }
        try root.remove(Self.suspectName)
        try root.remove(Self.condemnedName)
        try root.sync()
    }
}
