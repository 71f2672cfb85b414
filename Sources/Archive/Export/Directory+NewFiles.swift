import CLinux
package import Cache
import Glibc
import NIOCore
import Output

// Files outside of the cache, which get their names when they are whole.

extension Directory {
    /// The directory in which a file is, and what it is called there.
    static func holding(_ path: String) throws(SystemError) -> (directory: Directory, name: String) {
        let pieces = path.split(separator: "/", omittingEmptySubsequences: false)
        let name = pieces.last.map(String.init) ?? ""
        guard !["", ".", ".."].contains(name) else { throw SystemError(call: "open", code: EISDIR) }
        let parent = pieces.dropLast().joined(separator: "/")
        return (try Directory(path: pieces.count == 1 ? "." : parent.isEmpty ? "/" : parent), name)
    }

    /// Writes a small file that was not there before: after a failure or a kill there is none, or all of it.
    ///
    /// - Throws: ``SystemError``: `EEXIST` when there is something of that name.
    package static func writeNew(_ text: String, to path: String, mode: UInt32) throws(SystemError) {
        let (directory, name) = try holding(path)
        guard try directory.status(name) == nil else { throw SystemError(call: "open", code: EEXIST) }
        let temporary = "\(name).tmp-new"
        let file = try directory.remakeLocked(temporary, mode: 0o600)
        defer { file.unlock() }
        do throws(SystemError) {
            try file.setMode(mode)
            try file.write(ByteBuffer(string: text), at: 0)
            try file.sync()
            try directory.renameNew(temporary, to: name)
        } catch {
            try? directory.remove(temporary)
            throw error
        }
        try directory.syncNames()
    }

    /// Makes a file under a lock, in place of one that a killed process has left.
    ///
    /// - Throws: ``SystemError``: `EWOULDBLOCK` when another process has it.
    func remakeLocked(_ name: String, mode: UInt32 = 0o666) throws(SystemError) -> OpenFile {
        while true {
            try removeLeftover(name)
            do throws(SystemError) {
                return try createLocked(mode: mode) { name }.file
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

    /// Gives a file its name; somebody else's of that name that has come meanwhile is not replaced.
    func renameNew(_ temporary: String, to name: String) throws(SystemError) {
        let code = clinux_rename_new(file.descriptor, temporary, name)
        switch code {
        case 0: return
        case EINVAL, ENOSYS:
            // A file system that cannot do it at once.
            guard try status(name) == nil else { throw SystemError(call: "rename", code: EEXIST) }
            try rename(temporary, to: self, name)
        default: throw SystemError(call: "rename", code: code)
        }
    }

    /// Makes its names durable, as far as the file system can do that.
    func syncNames() throws(SystemError) {
        do throws(SystemError) {
            try sync()
        } catch {
            guard OutputPlace.isWithoutDirectorySync(error.code) else { throw error }
        }
    }
}
