import Glibc
import Logging

extension StoreDirectory {
    private static let suspectName = "index.suspect"

    /// Whether SQLite found the index damaged, or could not read it, while it was in use.
    func isIndexSuspect() throws(SystemError) -> Bool {
        try root.status(Self.suspectName) != nil
    }

    /// Has the index checked thoroughly at the next opening; what a failing disk says of it now may not be so then.
    func suspectIndex() throws(SystemError) {
        _ = try root.openFile(Self.suspectName, flags: O_RDWR | O_CREAT)
        try root.sync()
    }

    func clearSuspicion() throws(SystemError) {
        guard try isIndexSuspect() else { return }
        try root.remove(Self.suspectName)
        try root.sync()
    }
}
