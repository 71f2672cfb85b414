import Logging
package import OCI
import Synchronization

/// A crash-safe, content-addressed store in a directory that is also an OCI image layout (OCI image-spec 1.1.1).
///
/// A file under `blobs/` always has the digest it is named by, whatever happened; many processes share one cache and
/// download a blob once between them. Blobs are found by their path alone; the SQLite index holds names and times.
package final class ContentCache: Sendable {
    /// How often a lock or file of another process is looked at.
    static let pollInterval = Duration.milliseconds(100)
    /// How often a download shows that its process lives.
    static let signInterval = Duration.seconds(1)

    /// The blobs themselves: whether one is here, committing, adopting, putting aside, holding.
    package let blobs: BlobStore
    /// Tags, names that were pulled, referrers.
    package let names: Names
    /// Garbage, eviction, the limit on the cache's size.
    package let collection: Collector
    /// Hashing again; what is missing and where it can be had.
    package let verification: Verifier
    /// What is here, for people: usage, images, the page's overview, `index.json`.
    package let inventory: Inventory
    /// Opening, closing, backups, what was restored.
    package let recovery: Recovery

    let store: Store
    let downloads = Downloads()
    let lanes = LaneBudget()
    let counters = Mutex(CacheStatistics())
    /// When room was made last, and whether that freed anything; `nil` before it was tried.
    let room = Mutex<(at: Int64, isFreed: Bool)?>(nil)
    let descriptors = DescriptorLimit()
    private let committer: Committer

    /// Whether it was opened for reading alone, because it cannot be written.
    package var isReadOnly: Bool { store.isReadOnly }

    init(_ store: Store) {
        self.store = store
        blobs = BlobStore(store: store)
        names = Names(store: store)
        collection = Collector(store: store)
        verification = Verifier(store: store)
        inventory = Inventory(store: store)
        recovery = Recovery(store: store)
        let batch = CommitBatch(
            directory: store.directory,
            locks: store.locks,
            index: store.index,
            health: store.health,
            now: store.configuration.now
        )
        committer = Committer(commitBatch: batch.run)
        store.index.handle { [store] error in
            if !store.isReadOnly, error.kind == .damagedIndex || error.kind == .inputOutput {
                try? store.directory.suspectIndex(error)
            }
            store.health.note(error)
        } onFull: { [root = store.directory.root] in
            Self.dropBallast(in: root)
        }
    }

    /// Opens a cache, creating it if need be, for the duration of `body`, and owns all downloads that begin in it.
    ///
    /// At the end downloads still running are cancelled; what has arrived of them stays and is used by the next
    /// download of the same digest, in whatever process. Locks are freed and the index is closed.
    ///
    /// - Throws: what `body` throws; ``CacheError`` when the cache cannot be opened; `CancellationError`.
    package static func with<R>(
        _ configuration: CacheConfiguration,
        _ body: (ContentCache) async throws -> R
    ) async throws -> R {
        let (cache, storeLock) = try await Opening(configuration: configuration).run()
        let result: Result<R, any Error> = await withTaskGroup(of: Void.self) { group in
            group.addTask { await cache.downloads.run(cache.ingest) }
            let result: Result<R, any Error>
            do {
                result = .success(try await body(cache))
            } catch {
                result = .failure(error)
            }
            group.cancelAll()
            await group.waitForAll()
            return result
        }
        await cache.close(storeLock)
        return try result.get()
    }

    /// Where it is, for messages.
    package var path: String { directory.path }

    /// What has been done since the cache was opened.
    package var statistics: CacheStatistics { counters.withLock { $0 } }

    /// Transactions that wrote to the index since it was opened.
    package var transactionCount: Int { index.writeCount }

    /// Whether a committed blob of that digest and size is there; looks at the file system alone.
    package func contains(_ descriptor: Descriptor) -> Bool {
        blobs.contains(descriptor)
    }

    /// A committed blob.
    ///
    /// - Returns: `nil` when it is not there, or not whole.
    /// - Throws: ``CacheError`` when the file cannot be opened.
    package func blob(_ descriptor: Descriptor) throws -> CachedBlob? {
        guard let file = try directory.openBlob(descriptor.digest, size: descriptor.size) else { return nil }
        let arrival = Arrival()
        arrival.commit(file, size: descriptor.size)
        return reader(descriptor, .cached, arrival)
    }

    /// A reader of a blob, at once, while it arrives if it is not there yet.
    ///
    /// However many tasks and processes ask, the source is read once; a reader that fails or leaves does not stop the
    /// download, which ends with the cache's scope. An interrupted one is continued where it stopped.
    ///
    /// - Returns: the reader; what goes wrong with the download is thrown by its methods.
    /// - Throws: ``CacheError`` (`closed`, `conflict`, or the file cannot be opened).
    package func follow(_ descriptor: Descriptor, from source: any ContentSource) async throws -> CachedBlob {
        try health.check()
        if let blob = try await withDescriptors({ try blob(descriptor) }) {
            counters.withLock { counters in
                counters.hits += 1
                counters.cachedBytes += descriptor.size
            }
            return blob
        }
        let (download, isNew) = try downloads.join(descriptor, source)
        if !isNew { counters.withLock { $0.joins += 1 } }
        return reader(descriptor, isNew ? .downloading : .joined, download.arrival)
    }

    func commit(_ item: PendingCommit) async throws {
        try await committer.commit(item)
    }

    private func reader(
        _ descriptor: Descriptor,
        _ provenance: CachedBlob.Provenance,
        _ arrival: Arrival
    ) -> CachedBlob {
        CachedBlob(descriptor, provenance, arrival) { [self] file, error in
            quarantine(file, descriptor.digest)
            if let error { health.noteUnreadable(descriptor.digest, error) }
        }
    }
}

// For what has not moved into a component yet.
extension ContentCache {
    var configuration: CacheConfiguration { store.configuration }
    var directory: StoreDirectory { store.directory }
    var locks: StoreLocks { store.locks }
    var index: CacheIndex { store.index }
    var lease: Lease { store.lease }
    var health: StoreHealth { store.health }
}
