import FoundationEssentials
import Glibc

/// Who holds the lock on a file, as far as the system tells.
enum LockHolder {
    /// - Returns: the process; `nil` when nobody holds it, or the system does not say.
    static func process(of file: OpenFile) -> Int? {
        guard let status = try? file.status(),
            let data = try? Data(contentsOf: URL(filePath: "/proc/locks"))
        else { return nil }
        let table = String(decoding: data, as: UTF8.self)
        return process(in: table, device: status.device, inode: status.inode)
    }

    /// Reads `/proc/locks` (proc(5)): `1: FLOCK ADVISORY WRITE 1234 fd:00:5678 0 EOF`.
    static func process(in table: String, device: UInt64, inode: UInt64) -> Int? {
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ")
            // A waiter's line has an arrow in it, so its fields stand elsewhere.
            guard fields.count >= 6, fields[1] == "FLOCK" else { continue }
            let place = fields[5].split(separator: ":")
            guard place.count == 3, UInt64(place[2]) == inode,
                UInt64(place[0], radix: 16) == device >> 8 & 0xFFF,
                UInt64(place[1], radix: 16) == device & 0xFF | device >> 12 & 0xFFF00,
                let process = Int(fields[4]), process > 0
            else { continue }
            return process
        }
        return nil
    }
}
