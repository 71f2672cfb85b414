import CLinux
import GRDB
import GRDBSQLite
import Glibc

/// What the system said to SQLite when it refused a call, which SQLite's own errors do not tell.
enum SQLiteRefusal {
    /// Of the last call that failed on a connection; for right after such an error.
    ///
    /// A disk that fails comes first: the other reasons pass.
    static func last(_ db: Database) -> CInt? {
        let codes = [ofJournal(db), ofFile(db), sqlite3_system_errno(db.sqliteConnection)]
        return codes.first(where: SystemError.codesOfFailingDisk.contains) ?? codes.first(where: CacheError.hasAdvice)
    }

    private static func ofFile(_ db: Database) -> CInt {
        var code: CInt = 0
        sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_LAST_ERRNO, &code)
        return code
    }

    private static func ofJournal(_ db: Database) -> CInt {
        var journal: UnsafeMutablePointer<sqlite3_file>?
        var code: CInt = 0
        sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal)
        // It is not open before the first transaction that writes.
        _ = journal?.pointee.pMethods?.pointee.xFileControl?(journal, SQLITE_FCNTL_LAST_ERRNO, &code)
        return code
    }

    /// As ``last(_:)``, of a connection that nobody uses now.
    static func last(_ queue: DatabaseQueue) -> CInt? { queue.unsafeRead(last) }

    /// What `ENOENT` stands for at a database that is there: SQLite tries what it could not make once more as a file that
    /// exists, and tells of that.
    static func reason(_ code: CInt, at path: String) -> CInt {
        guard code == ENOENT, access(path, F_OK) == 0 else { return code }
        let directory = open(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]), O_RDONLY | O_CLOEXEC)
        guard directory >= 0 else { return code }
        defer { close(directory) }
        let refusal = clinux_check_writable(directory)
        return refusal == 0 ? code : refusal
    }

    /// `O_PATH`, which the C library's module does not show: closing such a descriptor drops no lock.
    private static let pathOnly: CInt = 0o10_000_000

    /// Why a database could not be opened, as far as that can be found out without opening it: closing it again would drop
    /// all locks that this process holds on it (POSIX).
    static func ofOpening(_ path: String) -> CInt? {
        let place = open(path, pathOnly | O_CLOEXEC)
        guard place >= 0 else { return errno }
        defer { close(place) }
        return access(path, R_OK | W_OK) == 0 ? nil : errno
    }
}
