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
        self.path = path
        self.overwrites = overwrites
        do throws(SystemError) {
            (directory, name) = try Directory.holding(target)
            let status = try directory.status(name)
            guard status == nil || overwrites && status?.isDirectory == false else {
                throw SystemError(call: "open", code: status?.isDirectory == true ? EISDIR : EEXIST)
            }
            file = try directory.remakeLocked(Self.temporary(name))
        } catch {
            throw CacheError(archive: error, path: path)
        }
    }

    /// Makes it durable and gives it its name.
    func finish() throws(CacheError) {
        do throws(SystemError) {
            try file.sync()
            if overwrites {
                try directory.rename(temporary, to: directory, name)
            } else {
                try directory.renameNew(temporary, to: name)
            }
            try directory.syncNames()
        } catch {
            throw CacheError(archive: error, path: path)
        }
    }

    /// Takes it back.
    func discard() {
        try? directory.remove(temporary)
    }
}
