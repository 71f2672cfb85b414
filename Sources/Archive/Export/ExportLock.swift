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

extension Directory {
    /// The directory in which a file is, and what it is called there.
    static func holding(_ path: String) throws(SystemError) -> (directory: Directory, name: String) {
        let pieces = path.split(separator: "/", omittingEmptySubsequences: false)
        let name = pieces.last.map(String.init) ?? ""
        guard !["", ".", ".."].contains(name) else { throw SystemError(call: "open", code: EISDIR) }
        let parent = pieces.dropLast().joined(separator: "/")
        return (try Directory(path: pieces.count == 1 ? "." : parent.isEmpty ? "/" : parent), name)
    }

    /// Makes a file under a lock, in place of one that a killed process has left.
    ///
    /// - Throws: ``SystemError``: `EWOULDBLOCK` when another process has it.
    func remakeLocked(_ name: String) throws(SystemError) -> OpenFile {
        while true {
            try removeLeftover(name)
            do throws(SystemError) {
                return try createLocked(mode: 0o666) { name }.file
            } catch {
                guard error.code == EEXIST else { throw error }
            }
        }
    }

    private func removeLeftover(_ name: String) throws(SystemError) {
        let left: OpenFile
        do throws(SystemError) {
            left = try openToLock(name)
        } catch {
            guard error.code == ENOENT else { throw error }
            return
        }
        switch try FileLock.attempt(on: left, named: name, in: self) {
        case .taken: try remove(name)
        case .busy: throw SystemError(call: "flock", code: EWOULDBLOCK)
        case .moved: return
        }
    }
}
