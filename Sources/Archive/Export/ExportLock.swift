package import Cache
import Glibc
import Output

/// Keeps other exports of the same name away while the archives of one are written and those of a former one removed.
///
/// It is the lock of `NAME.tmp-lock` beside them, which is there meanwhile.
package struct ExportLock: Sendable {
    private let file: OpenFile
    private let directory: Directory
    private let name: String

    /// Takes it.
    ///
    /// - Parameter path: what one archive is called, or what the names of volumes are made of.
    /// - Throws: ``CacheError``: `locked` when another process has it, `permission`, no such directory.
    package init(path: String) throws(CacheError) {
        guard case .file(let target, _) = try ArchiveDestination.place(path) else {
            throw CacheError(archive: SystemError(call: "open", code: EISDIR), path: path)
        }
        do throws(SystemError) {
            let (directory, whole) = try Directory.holding(target)
            (self.directory, name) = (directory, "\(whole).tmp-lock")
            file = try directory.remakeLocked(name)
        } catch {
            throw CacheError(archive: error, path: path)
        }
    }

    /// Gives it back and leaves no file.
    package func release() {
        try? directory.remove(name)
        file.unlock()
    }
}
