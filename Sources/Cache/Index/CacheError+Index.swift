import GRDB
import Glibc
import OCI

extension CacheError {
    /// Says what an error of the database, or of a row that cannot be understood, means for the cache.
    ///
    /// `system` is what the system said to SQLite, where that is known; it is asked for only where it counts.
    init(
        index error: any Error,
        _ action: String,
        _ path: String,
        system: @autoclosure () -> CInt? = nil
    ) {
        let result = (error as? DatabaseError)?.resultCode
        if let error = error as? SystemError {
            self.init(error, action, path: path)
            return
        }
        // SQLite has one word for whatever the system refuses, and another one for a file that it cannot open.
        if result == .SQLITE_IOERR || result == .SQLITE_CANTOPEN, let system = system(), Self.hasAdvice(system) {
            self.init(SystemError(call: "SQLite", code: SQLiteRefusal.reason(system, at: path)), action, path: path)
            return
        }
        let isLost = (error as? DatabaseError)?.extendedResultCode == .SQLITE_READONLY_DBMOVED
        let (kind, reason) = Self.meaning(ofIndex: error, path)
        let code = isLost ? ESTALE : result == .SQLITE_IOERR ? EIO : nil
        self.init(kind, action, path: path, code: code, reason, cause: error)
    }

    private static func meaning(ofIndex error: any Error, _ path: String) -> (Kind, reason: String) {
        if error is RowDecodingError || error is DamagedRow {
            return (.damagedIndex, "a row holds what nobody wrote; \(Self.damageAdvice)")
        }
        guard let error = error as? DatabaseError else { return (.inputOutput, "\(error)") }
        // SQLite calls it read-only.
        guard error.extendedResultCode != .SQLITE_READONLY_DBMOVED else {
            return (.inputOutput, "it was removed or replaced while it was in use; run this again")
        }
        // A backup's errors come with the text of the connection's last call, which went well.
        let text = error.message.flatMap { $0 == "not an error" ? nil : $0.displaySafe }
        let message = text ?? "SQLite error \(error.extendedResultCode)"
        let (kind, advice): (Kind, String) =
            switch error.resultCode {
            case .SQLITE_FULL:
                (
                    .diskFull,
                    "free some space, as by 'imglife cache gc --grace 0s' or by removing what is in the cache's quarantine/ "
                        + "and backup/, or put the cache on a larger disk with --cache-dir"
                )
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: (.damagedIndex, damageAdvice)
            case .SQLITE_ERROR where isOfOtherTables(message): (.damagedIndex, damageAdvice)
            case .SQLITE_BUSY, .SQLITE_LOCKED: (.locked, busyAdvice(path))
            case .SQLITE_CONSTRAINT where error.extendedResultCode == .SQLITE_CONSTRAINT_TRIGGER:
                (.locked, "a collection has just chosen it; try again")
            case .SQLITE_CONSTRAINT where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY:
                (.missing, "a collection has just removed it; try again")
            case .SQLITE_CONSTRAINT:
                (.contradiction, "this is a fault of imglife, not of the cache; please report it")
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
                (.permission, "give this user write access to it, or choose another --cache-dir")
            default: (.inputOutput, "check the disk and its file system")
            }
        return (kind, "\(message); \(advice)")
    }

    /// The same for whoever makes room, or cannot open the cache: a collection does not help.
    var withNothingLeft: CacheError {
        guard code == nil || code == ENOSPC else { return self }
        return CacheError(
            kind,
            action,
            path: path,
            code: code,
            "\(SystemError(call: "write", code: ENOSPC).reason), and nothing is left in the cache that is given up for this; "
                + "free some space, as by removing what is in the cache's quarantine/, or move the cache to a larger disk",
            cause: cause
        )
    }

    /// Whether a statement has met tables that are not those it was written for: what names them is damaged.
    private static func isOfOtherTables(_ message: String) -> Bool {
        ["no such table", "no such column", "has no column", "already exists", "no such index", "no such trigger"]
            .contains { message.contains($0) }
    }

    private static func busyAdvice(_ path: String) -> String {
        guard let holder = LockHolder.ofIndex(path) else { return "another process keeps it busy; try again" }
        return holder.isStopped
            ? "process \(holder.process) keeps it busy and is stopped: let it go on, or end it"
            : "\(holder) keeps it busy; try again"
    }

    private static let damageAdvice =
        "check the disk, then run again: the index is rebuilt from the blobs if need be"
}
