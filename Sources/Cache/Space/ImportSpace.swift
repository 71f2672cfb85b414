import Glibc
import Logging
package import OCI

extension Staging {
    /// Looks for room without taking it.
    ///
    /// - Throws: ``CacheError`` (`diskFull`).
    package func makeRoom(forImportOf bytes: Int64) async throws {
        guard bytes > 0, !hasRoom(for: bytes) else { return }
        if try await Reclaiming.makeRoom(), hasRoom(for: bytes) { return }
        let space = FreeSpace(store: store)
        let free = max(0, space.free)
        throw CacheError(
            .diskFull,
            "import into",
            path: store.directory.path,
            code: ENOSPC,
            "it takes \(ByteCount(bytes)) there, \(ByteCount(free)) are free on its disk, and \(ByteCount(space.floor)) of "
                + "them stay free; free some space, run 'imglife cache gc', put the cache on a larger disk with "
                + "--cache-dir, or lower cache.min_free"
        )
    }

    private func hasRoom(for bytes: Int64) -> Bool {
        let space = FreeSpace(store: store)
        return space.free < 0 || space.free - bytes >= space.floor
    }

    /// Reserves room against the limit on the cache's size, until the blobs are recorded or the scope ends.
    package func reserveRoom(for blobs: [(digest: Digest, size: Int64)]) async throws {
        try store.lease.begin()
        try await store.index.write { [id = store.lease.id] in
            try $0.leases.reserve(blobs.map { ($0.digest, $0.size) }, for: id)
        }
    }

    /// Gives reservations back, which go with the lease at the latest; safe to repeat.
    package func releaseRoom(of digests: Set<Digest>) async {
        do {
            try await store.index.write { [id = store.lease.id] in try $0.leases.endReservations(of: digests, for: id) }
        } catch {
            store.configuration.logger.warning(
                "the room of an import stays reserved while this runs",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
