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

    /// What is going to be written.
    struct Wish {
        /// How many bytes, without those that an interrupted import has left.
        fileprivate var bytes: Int64 = 0
        fileprivate var large: [ArchiveDocument.Blob] = []

        /// - Parameters:
        ///   - blob: what is to be written; its size may make no sense.
        ///   - written: how many bytes of it are there.
        mutating func add(_ blob: ArchiveDocument.Blob, written: Int64) {
            let (sum, overflows) = bytes.addingReportingOverflow(blob.size - written)
            bytes = overflows ? .max : sum
            if blob.size >= reservedSize { large.append(blob) }
        }
    }

    /// Finds room for blobs that are not there yet, and reserves it against the limit on the cache's size.
    ///
    /// Once in the cache's scope what nothing needs is removed for it.
    ///
    /// - Throws: ``CacheError`` (`diskFull`).
    mutating func reserve(_ wish: Wish) async throws {
        try await cache.staging.makeRoom(forImportOf: wish.bytes)
        guard !wish.large.isEmpty else { return }
        try await cache.staging.reserveRoom(for: wish.large.map { ($0.digest, $0.size) })
        reserved.formUnion(wish.large.map(\.digest))
    }

    /// Frees what has not been committed.
    mutating func release() async {
        guard !reserved.isEmpty else { return }
        await cache.staging.releaseRoom(of: reserved)
        reserved = []
    }
}
