import Glibc
import Logging

extension StoreDirectory {
    private static let suspectName = "index.suspect"
    private static let condemnedName = "index.condemned"

    /// Whether SQLite found the index damaged, or could not read it, while it was in use.
    func isIndexSuspect() throws(SystemError) -> Bool {
        if try isIndexCondemned() { return true }
        return try root.status(Self.suspectName) != nil
    }

    /// Whether SQLite found the index damaged: its checks do not see all that makes it say so.
    func isIndexCondemned() throws(SystemError) -> Bool {
        try root.status(Self.condemnedName) != nil
    }

    /// Has the index checked thoroughly at the next opening, as what a failing disk says of it now may not be so then;
    /// or rebuilt, when SQLite found it damaged.
    func suspectIndex(_ error: CacheError) throws(SystemError) {
        let name = error.kind == .damagedIndex ? Self.condemnedName : Self.suspectName
        _ = try root.openFile(name, flags: O_RDWR | O_CREAT)
        try root.sync()
    }

    func clearSuspicion() throws(SystemError) {
        guard try isIndexSuspect() else { return }
        try root.remove(Self.suspectName)
        try root.remove(Self.condemnedName)
        try root.sync()
    }
}
