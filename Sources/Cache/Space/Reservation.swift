import CLinux
import Glibc
import Logging
import OCI

/// The space that one download is going to take: looked for before anything is downloaded, and known to others while it
/// runs.
struct Reservation: Sendable {
    /// Smaller downloads cost more to reserve than they are worth.
    static let smallest: Int64 = 1 << 20

    let store: Store
    let descriptor: Descriptor
    let partial: Ingest

    /// Runs a download in its space, which is given back however it ends; its row ends with the blob's own.
    ///
    /// - Throws: ``CacheError`` (`diskFull`) when the disk cannot hold it; what `body` throws.
    func hold(_ body: () async throws -> Void) async throws {
        let missing = try allocate()
        guard missing >= Self.smallest else { return try await body() }
        try store.lease.begin()
        try await store.index.write { [lease = store.lease.id, digest = descriptor.digest] in
            try $0.leases.reserve([(digest, missing)], for: lease)
        }
        do {
            try await body()
        } catch {
            await end()
            throw error
        }
    }

    /// - Returns: the bytes that are not there yet.
    private func allocate() throws(CacheError) -> Int64 {
        let space = FreeSpace(store: store)
        do throws(SystemError) {
            try store.ballast.lay()
            let length = try partial.file.length()
            // Blocks that are set aside for a small file cost more than they spare.
            let isLarge = descriptor.size >= Self.smallest
            let isAllocated = isLarge ? try partial.file.reserve(descriptor.size) : false
            let free = space.free
            let rest = isAllocated ? 0 : max(0, descriptor.size - length)
            guard free < 0 || free - rest >= space.floor else { throw SystemError(call: "floor", code: ENOSPC) }
            return descriptor.size - length
        } catch {
            throw full(error, space)
        }
    }

    /// It goes with the lease at the latest.
    private func end() async {
        do {
            try await store.index.write { [lease = store.lease.id, digest = descriptor.digest] in
                try $0.leases.endReservations(of: [digest], for: lease)
            }
        } catch {
            store.configuration.logger.warning(
                "the space of a failed download stays reserved while this runs",
                metadata: ["digest": "\(descriptor.digest)", "error": "\(error)"]
            )
        }
    }

    private func full(_ error: SystemError, _ space: FreeSpace) -> CacheError {
        let action = "download \(descriptor.digest) of \(descriptor.size) bytes into"
        let path = store.directory.path
        guard error.call == "floor" else { return CacheError(error, action, path: path, digest: descriptor.digest) }
        return CacheError(
            .diskFull,
            action,
            path: path,
            digest: descriptor.digest,
            code: ENOSPC,
            "the disk is full but for the \(space.floor) bytes that are kept free; free some space, run 'imglife cache gc', "
                + "put the cache on a larger disk with --cache-dir, or lower cache.min_free"
        )
    }
}
