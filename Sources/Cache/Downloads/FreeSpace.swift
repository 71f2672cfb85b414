import CLinux
import FoundationEssentials
import GRDB
import Glibc
import Logging
import OCI
import Synchronization

/// How much of the disk the cache leaves to others.
enum FreeSpace {
    /// The floor where none is configured, in bytes: 5 % of the disk and at least 1 GiB, but never more than a tenth.
    static func standardFloor(total: Int64) -> Int64 {
        min(max(1 << 30, total / 20), total / 10)
    }
}

extension ContentCache {
    static let ballastName = "ballast"
    private static let ballastSize: Int64 = 1 << 20
    /// Smaller downloads cost more to reserve than they are worth.
    private static let reservedSize: Int64 = 1 << 20
    /// In seconds: a server on a full disk must not do nothing but collect.
    private static let roomInterval: Int64 = 600

    /// The bytes that stay free on the disk; no download begins that would take them.
    var floor: Int64 {
        configuration.minimumFree
            ?? FreeSpace.standardFloor(total: clinux_total_bytes(directory.root.file.descriptor))
    }

    /// Whether less is free on the disk than has to stay so: every download is refused then.
    ///
    /// `false` where the system does not tell.
    package var lacksSpace: Bool {
        let free = clinux_free_bytes(directory.root.file.descriptor)
        return free >= 0 && free < floor
    }

    /// A disk that cannot hold the blob is found out before anything is downloaded.
    func reserve(_ partial: Partial) async throws {
        let length: Int64
        do throws(SystemError) {
            length = try partial.file.length()
            // Blocks that are set aside for a small file cost more than they spare.
            let isLarge = partial.descriptor.size >= Self.reservedSize
            let isAllocated = isLarge ? try partial.file.reserve(partial.descriptor.size) : false
            let free = clinux_free_bytes(directory.root.file.descriptor)
            let rest = isAllocated ? 0 : max(0, partial.descriptor.size - length)
            guard free < 0 || free - rest >= floor else { throw SystemError(call: "floor", code: ENOSPC) }
        } catch {
            giveBack(partial)
            throw full(error, partial.descriptor)
        }
        guard partial.descriptor.size - length >= Self.reservedSize else { return }
        try lease.begin()
        try await index.write { [lease = lease.id, digest = partial.descriptor.digest] in
            try $0.leases.reserve([(digest, partial.descriptor.size - length)], for: lease)
        }
    }

    private func giveBack(_ partial: Partial) {
        guard let length = try? partial.file.length(), length > 0 else { return partial.remove() }
        // Blocks behind the end go with a truncation to the same length.
        try? partial.file.truncate(to: length)
    }

    private func full(_ error: SystemError, _ descriptor: Descriptor) -> CacheError {
        let action = "download \(descriptor.digest) of \(descriptor.size) bytes into"
        guard error.call == "floor" else {
            return CacheError(error, action, path: directory.path, digest: descriptor.digest)
        }
        return CacheError(
            .diskFull,
            action,
            path: directory.path,
            digest: descriptor.digest,
            code: ENOSPC,
            "the disk is full but for the \(floor) bytes that are kept free; free some space, run 'imglife cache gc', "
                + "put the cache on a larger disk with --cache-dir, or lower cache.min_free"
        )
    }

    /// Collects garbage, and what the configured limit asks for, once in ten minutes.
    ///
    /// - Returns: whether that freed anything.
    func makeRoom() async throws -> Bool {
        // Also between tasks: each opens the lock's file anew.
        let lock = try await locks.acquire("room", .exclusive)
        defer { lock.unlock() }
        let now = configuration.now()
        if let last = room.withLock({ $0 }), now - last.at < Self.roomInterval { return last.isFreed }
        room.withLock { $0 = (now, false) }
        let report: CollectionReport
        do {
            report = try await collect(configuration.collection(self))
        } catch let error as CacheError where error.kind == .lostNames {
            configuration.logger.warning("the disk is full", metadata: ["error": "\(error)"])
            return false
        }
        let freed = report.bytes + report.partialBytes
        let isFreed = freed > 0
        if isFreed {
            configuration.logger.notice(
                "the disk is full; what nothing needs has been removed",
                metadata: ["bytes": "\(freed)"]
            )
        }
        room.withLock { $0 = (now, isFreed) }
        return isFreed
    }
}

extension ContentCache {
    /// Sets a little space aside, with which the index and a collection can work when there is no other.
    func layBallast() {
        let root = directory.root
        let descriptor = root.file.descriptor
        guard (try? root.status(Self.ballastName)) == nil,
            clinux_total_bytes(descriptor) >= 64 * Self.ballastSize,
            clinux_free_bytes(descriptor) >= floor + 2 * Self.ballastSize
        else { return }
        do throws(SystemError) {
            try root.openFile(Self.ballastName, flags: O_RDWR | O_CREAT).reserve(Self.ballastSize)
        } catch {
            try? root.remove(Self.ballastName)
        }
    }

    /// - Returns: whether there was any.
    static func dropBallast(in root: Directory) -> Bool {
        guard let status = try? root.status(ballastName), status.isRegular else { return false }
        return (try? root.remove(ballastName)) != nil
    }
}
