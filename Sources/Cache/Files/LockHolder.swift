import FoundationEssentials
import Glibc

/// Who holds the lock on a file, as far as the system tells.
struct LockHolder: Hashable, CustomStringConvertible {
    /// How a file is locked, in the words of `/proc/locks`.
    enum Kind: String {
        /// `flock`, as all files of the cache but its index.
        case whole = "FLOCK"
        /// `fcntl`, as SQLite locks the index.
        case ranges = "POSIX"
    }

    let process: Int

    /// `process 1234`, or `process 1234, which is stopped`.
    var description: String { "process \(process)" + (isStopped ? ", which is stopped" : "") }

    /// Whether it was told to wait, as by a shell's Ctrl-Z, and lets nobody else go on meanwhile.
    var isStopped: Bool {
        guard let data = try? Data(contentsOf: URL(filePath: "/proc/\(process)/stat")) else { return false }
        // The program's name is in parentheses, and may hold some itself.
        let text = String(decoding: data, as: UTF8.self)
        let state = text.lastIndex(of: ")").map { text[$0...].dropFirst(2).prefix(1) }
        return state == "T" || state == "t"
    }
}

extension LockHolder {
    /// - Returns: `nil` when nobody holds it, or the system does not say.
    static func of(_ file: OpenFile) -> LockHolder? {
        guard let status = try? file.status() else { return nil }
        return find(.whole, status.device, status.inode)
    }

    /// Another process that keeps the index from being written or read; as ``of(_:)``.
    ///
    /// The file is not opened: closing it would drop all locks that this process has on it.
    static func ofIndex(_ path: String) -> LockHolder? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return find(.ranges, UInt64(status.st_dev), UInt64(status.st_ino))
    }

    private static func find(_ kind: Kind, _ device: UInt64, _ inode: UInt64) -> LockHolder? {
        guard let data = try? Data(contentsOf: URL(filePath: "/proc/locks")) else { return nil }
        return find(kind, in: String(decoding: data, as: UTF8.self), device: device, inode: inode)
    }

    /// Reads `/proc/locks` (proc(5)): `1: FLOCK ADVISORY WRITE 1234 fd:00:5678 0 EOF`.
    ///
    /// Of locks on ranges one that writes comes first, and this process's own do not count.
    static func find(_ kind: Kind, in table: String, device: UInt64, inode: UInt64) -> LockHolder? {
        var holders: [(process: Int, isWriter: Bool)] = []
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ")
            // A waiter's line has an arrow in it, so its fields stand elsewhere.
            guard fields.count >= 6, fields[1] == kind.rawValue else { continue }
            let place = fields[5].split(separator: ":")
            guard place.count == 3, UInt64(place[2]) == inode,
                UInt64(place[0], radix: 16) == device >> 8 & 0xFFF,
                UInt64(place[1], radix: 16) == device & 0xFF | device >> 12 & 0xFFF00,
                let process = Int(fields[4]), process > 0, kind == .whole || process != getpid()
            else { continue }
            holders.append((process, fields[3] == "WRITE"))
        }
        return (holders.first(where: \.isWriter) ?? holders.first).map { LockHolder(process: $0.process) }
    }
}
