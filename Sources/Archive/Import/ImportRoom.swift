import Cache
import OCI

/// The room on the disk that an import needs: looked for before its bytes are written, and reserved while they are.
struct ImportRoom {
    /// Smaller blobs cost more to reserve than they are worth.
    private static let reservedSize: Int64 = 1 << 20

    private let cache: ContentCache
    /// What has a row.
    private var reserved: Set<Digest> = []

    init(_ cache: ContentCache) {
        self.cache = cache
    }

    /// Finds room for blobs that are not there yet, and reserves it against the limit on the cache's size.
    ///
    /// Once in the cache's scope what nothing needs is removed for it.
    ///
    /// - Parameters:
    ///   - blobs: what is going to be written.
    ///   - written: how many bytes of it an interrupted import has left.
    /// - Throws: ``CacheError`` (`diskFull`).
    mutating func reserve(_ blobs: [ArchiveDocument.Blob], written: Int64 = 0) async throws {
        try await cache.staging.makeRoom(forImportOf: Self.sum(blobs) - written)
        let large = blobs.filter { $0.size >= Self.reservedSize }
        guard !large.isEmpty else { return }
        try await cache.staging.reserveRoom(for: large.map { ($0.digest, $0.size) })
        reserved.formUnion(large.map(\.digest))
    }

    /// Frees what has not been committed.
    mutating func release() async throws {
        guard !reserved.isEmpty else { return }
        try await cache.staging.releaseRoom(of: reserved)
        reserved = []
    }

    /// - Returns: as much as there can be at most where the sizes make no sense.
    private static func sum(_ blobs: [ArchiveDocument.Blob]) -> Int64 {
        blobs.reduce(0) { sum, blob in
            let (next, overflows) = sum.addingReportingOverflow(blob.size)
            return overflows ? .max : next
        }
    }
}
