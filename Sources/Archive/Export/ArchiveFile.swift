import CLinux
import Cache
import Glibc
import OCI
import Output

/// A file outside of the cache that gets its name when it is whole.
///
/// It grows as `NAME.tmp-export` beside it, under a lock; what a killed run left there is replaced by the next one.
struct ArchiveFile: Sendable {
    let path: String
    let file: OpenFile
    private let directory: Directory
    private let name: String
    private let overwrites: Bool

    private var temporary: String { Self.temporary(name) }

    private static func temporary(_ name: String) -> String { "\(name).tmp-export" }

    /// - Throws: ``CacheError``: `exists` unless it may be overwritten, `locked` when another process is writing it.
    init(path: String, overwrites: Bool) throws(CacheError) {
        guard case .file(let target, _) = try ArchiveDestination.place(path) else {
            throw CacheError(archive: SystemError(call: "open", code: EISDIR), path: path)
        }
        let pieces = target.split(separator: "/", omittingEmptySubsequences: false)
        name = pieces.last.map(String.init) ?? ""
        self.path = path
        self.overwrites = overwrites
        let parent = pieces.dropLast().joined(separator: "/")
        do throws(SystemError) {
            guard !["", ".", ".."].contains(name) else { throw SystemError(call: "open", code: EISDIR) }
            directory = try Directory(path: pieces.count == 1 ? "." : parent.isEmpty ? "/" : parent)
            let status = try directory.status(name)
            guard status == nil || overwrites && status?.isDirectory == false else {
                throw SystemError(call: "open", code: status?.isDirectory == true ? EISDIR : EEXIST)
            }
            file = try Self.create(Self.temporary(name), in: directory)
        } catch {
            throw CacheError(archive: error, path: path)
        }
    }

    private static func create(_ name: String, in directory: Directory) throws(SystemError) -> OpenFile {
        while true {
            try removeLeftover(name, in: directory)
            do throws(SystemError) {
                return try directory.createLocked(mode: 0o666) { name }.file
            } catch {
                guard error.code == EEXIST else { throw error }
            }
        }
    }

    private static func removeLeftover(_ name: String, in directory: Directory) throws(SystemError) {
        let left: OpenFile
        do throws(SystemError) {
            left = try directory.openFile(name, flags: O_RDONLY)
        } catch {
            guard error.code == ENOENT else { throw error }
            return
        }
        switch try FileLock.attempt(on: left, named: name, in: directory) {
        case .taken: try directory.remove(name)
        case .busy: throw SystemError(call: "flock", code: EWOULDBLOCK)
        case .moved: return
        }
    }

    /// Makes it durable and gives it its name.
    func finish() throws(CacheError) {
        do throws(SystemError) {
            try file.sync()
            if overwrites {
                try directory.rename(temporary, to: directory, name)
            } else {
                try renameNew()
            }
            try syncDirectory()
        } catch {
            throw CacheError(archive: error, path: path)
        }
    }

    /// Takes it back.
    func discard() {
        try? directory.remove(temporary)
    }

    /// Somebody else's file that has come meanwhile is not replaced.
    private func renameNew() throws(SystemError) {
        let code = clinux_rename_new(directory.file.descriptor, temporary, name)
        switch code {
        case 0: return
        case EINVAL, ENOSYS:
            // A file system that cannot do it at once.
            guard try directory.status(name) == nil else { throw SystemError(call: "rename", code: EEXIST) }
            try directory.rename(temporary, to: directory, name)
        default: throw SystemError(call: "rename", code: code)
        }
    }

    /// Not every file system of a medium can sync a directory.
    private func syncDirectory() throws(SystemError) {
        do throws(SystemError) {
            try directory.sync()
        } catch {
            guard error.code == EINVAL || error.code == EBADF else { throw error }
        }
    }
}
