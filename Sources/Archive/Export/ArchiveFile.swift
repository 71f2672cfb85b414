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

extension CacheError {
    /// Says what a failed system call means for an archive that is being written.
    init(archive error: SystemError, path: String) {
        let (kind, advice): (Kind, String?) =
            switch error.code {
            case ENOSPC, EDQUOT: (.diskFull, "free some space, or write somewhere else with -o")
            case EFBIG:
                (.diskFull, "its file system or a limit (ulimit -f) takes no file so large; try --volume-size")
            case EACCES, EPERM, EROFS: (.permission, "write somewhere else with -o")
            case EEXIST: (.exists, "use --force to replace it, or another name with -o")
            case EISDIR: (.notADirectory, "name a file with -o")
            case ENOTBLK: (.exists, "it is a disk; write to it with 'imglife export -o - … | dd of=DISK bs=1M'")
            case ENXIO: (.exists, "it is a socket; write to standard output, with -o -, and send that")
            case ENOENT, ENOTDIR: (.notADirectory, "its directory must be there")
            case EWOULDBLOCK: (.locked, "another imglife process is writing it")
            case ELOOP: (.untrusted, "a symbolic link is in its way; remove it")
            case EPIPE: (.inputOutput, "whoever reads it went away")
            default: (.inputOutput, nil)
            }
        self.init(
            kind,
            "write",
            path: path,
            code: error.code,
            advice.map { "\(error.reason); \($0)" } ?? "\(error.reason) (\(error.call))",
            cause: error
        )
    }
}
