import CLinux
import Glibc
import Logging

/// How much of the disk the cache leaves to others, and the little that it keeps for itself.
struct FreeSpace: Sendable {
    static let ballastName = "ballast"
    private static let ballastSize: Int64 = 1 << 20

    let store: Store

    /// The floor where none is configured, in bytes: 5 % of the disk and at least 1 GiB, but never more than a tenth.
    static func standardFloor(total: Int64) -> Int64 {
        min(max(1 << 30, total / 20), total / 10)
    }

    private var disk: CInt { store.directory.root.file.descriptor }

    /// The bytes that are free on the disk; negative where the system does not tell.
    var free: Int64 { clinux_free_bytes(disk) }

    /// The bytes that stay free on the disk; no download begins that would take them.
    var floor: Int64 { store.configuration.minimumFree ?? Self.standardFloor(total: clinux_total_bytes(disk)) }

    /// Whether less is free than has to stay so.
    var isLacking: Bool {
        let free = free
        return free >= 0 && free < floor
    }

    /// Sets a little space aside, with which the index and a collection can work when there is no other.
    ///
    /// Not where it is there, on a small disk, or where the floor does that. A copy of it has its name and none of its space.
    ///
    /// - Throws: ``SystemError`` where a quota or a full disk refuses it: what begins then to be downloaded would leave
    ///   nothing for the collection that makes room.
    func layBallast() throws(SystemError) {
        let root = store.directory.root
        let there = try root.status(Self.ballastName)
        guard there.map({ $0.isRegular && $0.allocated < Self.ballastSize }) ?? true,
            clinux_total_bytes(disk) >= 64 * Self.ballastSize, free >= floor + 2 * Self.ballastSize
        else { return }
        do throws(SystemError) {
            try root.remove(Self.ballastName)
            try root.openFile(Self.ballastName, flags: O_RDWR | O_CREAT).reserve(Self.ballastSize)
        } catch {
            try? root.remove(Self.ballastName)
            throw error
        }
    }

    /// - Returns: whether there was any, and it could be given up.
    static func dropBallast(in root: Directory) -> Bool {
        do throws(SystemError) {
            guard let there = try root.status(ballastName), there.isRegular, there.allocated > 0 else { return false }
            try root.remove(ballastName)
            return true
        } catch {
            return false
        }
    }
}
