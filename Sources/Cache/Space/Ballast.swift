import CLinux
import Glibc
import Logging
import Synchronization

/// A little space that is set aside for whoever makes room on a full disk: a collection, and who takes names away.
///
/// Nobody else may have it: others fill at once what comes free, and then nothing could make room any more.
final class Ballast: Sendable {
    static let name = "ballast"
    private static let size: Int64 = 1 << 20
    /// A part of it, of so many bytes or more, is better than none.
    private static let smallest: Int64 = 1 << 16

    private let directory: StoreDirectory
    private let logger: Logger
    /// How many make room now.
    private let users: Mutex<Int>

    /// With `isInUse` whoever has opened the cache makes room, until ``end()``.
    init(_ directory: StoreDirectory, isInUse: Bool, logger: Logger) {
        self.directory = directory
        self.logger = logger
        users = Mutex(isInUse ? 1 : 0)
    }

    /// Lets `body`, which makes room, have it; what is free of it afterwards is set aside again.
    func use<R>(_ body: () async throws -> R) async rethrows -> R {
        users.withLock { $0 += 1 }
        defer { end() }
        return try await body()
    }

    /// Ends somebody's use of it.
    func end() {
        guard
            users.withLock({ users in
                users -= 1
                return users == 0
            })
        else { return }
        try? lay()
        guard isLargeDisk, (try? isLacking) == true, (try? allocated) == 0 else { return }
        for size in stride(from: Self.size, through: Self.smallest, by: -Int(Self.smallest))
        where (try? make(size)) != nil {
            return
        }
    }

    /// What whoever needs a little space on a full disk gets.
    enum Answer {
        case given
        /// It is for whoever makes room.
        case reserved
        /// There is nothing left to give.
        case exhausted
    }

    /// Gives up a little space to whoever makes room: this, or where it is gone all backups of the index but the newest.
    func giveUp() -> Answer {
        guard users.withLock({ $0 > 0 }) else { return .reserved }
        return drop() || IndexBackups(directory: directory.backup, logger: logger).removeOld() ? .given : .exhausted
    }

    /// Sets it aside unless it is there, whatever the floor: that is for others to fall below.
    ///
    /// Not on a disk of less than 64 MiB. A copy of it has its name and none of its space.
    ///
    /// - Throws: ``SystemError`` where a quota or a full disk refuses it: what begins then to be downloaded would leave
    ///   nothing for the collection that makes room.
    func lay() throws(SystemError) {
        guard isLargeDisk, try isLacking, clinux_free_bytes(directory.root.file.descriptor) >= 2 * Self.size else {
            return
        }
        try make(Self.size)
    }

    private var isLargeDisk: Bool { clinux_total_bytes(directory.root.file.descriptor) >= 64 * Self.size }

    /// Whether it is not there whole, and nothing else has its name.
    private var isLacking: Bool {
        get throws(SystemError) {
            try directory.root.status(Self.name).map { $0.isRegular && $0.allocated < Self.size } ?? true
        }
    }

    private var allocated: Int64 {
        get throws(SystemError) { try directory.root.status(Self.name)?.allocated ?? 0 }
    }

    private func make(_ size: Int64) throws(SystemError) {
        let root = directory.root
        do throws(SystemError) {
            try root.remove(Self.name)
            try root.openFile(Self.name, flags: O_RDWR | O_CREAT).reserve(size)
        } catch {
            try? root.remove(Self.name)
            throw error
        }
    }

    /// Gives it up; only while it is used.
    ///
    /// - Returns: whether there was any, and it could be given up.
    func drop() -> Bool {
        do throws(SystemError) {
            guard let there = try directory.root.status(Self.name), there.isRegular, there.allocated > 0
            else { return false }
            try directory.root.remove(Self.name)
            return true
        } catch {
            return false
        }
    }
}
