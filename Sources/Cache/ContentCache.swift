import Concurrency
package import OCI

/// A crash-safe, content-addressed store in a directory that is also an OCI image layout (OCI image-spec 1.1.1).
///
/// A file under `blobs/` always has the digest it is named by, whatever happened; many processes share one cache and
/// download a blob once between them. Blobs are found by their path alone; the SQLite index holds names and times.
package final class ContentCache: Sendable {
    /// The blobs themselves: whether one is here, committing, adopting, putting aside, holding.
    package let blobs: BlobStore
    /// Tags, names that were pulled.
    package let names: Names
    /// What targets were given.
    package let copies: Copies
    /// What repositories list as referring to images.
    package let referrers: ReferrerLists
    /// What targets were given of that.
    package let given: GivenReferrers
    /// Whether registries tell it.
    package let referrerAnswers: ReferrerAnswers
    /// Garbage, eviction, the limit on the cache's size.
    package let collection: Collector
    /// Hashing again; what is missing and where it can be had.
    package let verification: Verifier
    /// What is here, for people: usage, images, the page's overview, `index.json`.
    package let inventory: Inventory
    /// Opening, closing, backups, what was restored.
    package let recovery: Recovery

    let store: Store
    let downloads: Downloads

    /// The way of an archive's blobs into the cache.
    package var staging: Staging { Staging(store: store) }

    /// Whether it was opened for reading alone, because it cannot be written.
    package var isReadOnly: Bool { store.isReadOnly }

    convenience init(_ store: Store) {
        self.init(store, Downloads(store))
        store.watchIndex()
    }

    private init(_ store: Store, _ downloads: Downloads) {
        self.store = store
        self.downloads = downloads
        blobs = BlobStore(store: store)
        names = Names(store: store)
        copies = Copies(store: store)
        referrers = ReferrerLists(store: store)
        given = GivenReferrers(store: store)
        referrerAnswers = ReferrerAnswers(store: store)
        collection = Collector(store: store)
        verification = Verifier(store: store)
        inventory = Inventory(store: store)
        recovery = Recovery(store: store)
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
        let result = await withTaskGroup(of: Void.self) { group in
            group.addTask { await cache.store.commits.run() }
            let result = await Reclaiming.allowing(cache.reclaim) { await cache.whileDownloading(body) }
            await Closing(store: cache.store).finishWork()
            return result
        }
        await Closing(store: cache.store).run(storeLock)
        return try result.get()
    }

    private func whileDownloading<R>(_ body: (ContentCache) async throws -> R) async -> Result<R, any Error> {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.downloads.run() }
            let result: Result<R, any Error>
            do {
                result = .success(try await body(self))
            } catch {
                result = .failure(error)
            }
            group.cancelAll()
            await group.waitForAll()
            return result
        }
    }

    /// Runs `body` with the same cache, where what is held stays so no longer than `body` runs.
    ///
    /// For pieces of work of a process that keeps its cache open for months. Downloads that begin in it may outlive it.
    ///
    /// - Throws: what `body` throws.
    package func holdingMeanwhile<R>(_ body: (ContentCache) async throws -> R) async rethrows -> R {
        let inner = ContentCache(store.leased(), downloads)
        do {
            let result = try await body(inner)
            await Closing(store: inner.store).release()
            return result
        } catch {
            await Closing(store: inner.store).release()
            throw error
        }
    }

    /// Where it is, for messages.
    package var path: String { store.directory.path }

    /// What has been done since the cache was opened.
    package var statistics: CacheStatistics { downloads.statistics }

    /// Transactions that wrote to the index since it was opened.
    package var transactionCount: Int { store.index.writeCount }

    /// Whether a committed blob of that digest and size is there; looks at the file system alone.
    ///
    /// - Throws: ``CacheError`` when that cannot be found out: then it may be there.
    package func contains(_ descriptor: Descriptor) throws(CacheError) -> Bool {
        try blobs.contains(descriptor)
    }

    /// A committed blob.
    ///
    /// - Returns: `nil` when it is not there, or not whole.
    /// - Throws: ``CacheError`` when the file cannot be opened.
    package func blob(_ descriptor: Descriptor) throws -> CachedBlob? {
        try downloads.cached(descriptor)
    }

    /// A committed blob by its digest alone; looks at the file system alone.
    ///
    /// - Returns: `nil` when it is not there.
    /// - Throws: ``CacheError`` when the file cannot be opened, or several others could not be read.
    package func blobFile(_ digest: Digest) throws(CacheError) -> BlobFile? {
        try blobs.file(digest)
    }

    /// Which file is a committed blob at this moment, without opening it; as ``blobFile(_:)``.
    package func blobVersion(_ digest: Digest) throws(CacheError) -> FileStatus.Version? {
        try blobs.version(of: digest)
    }

    /// A reader of a blob, at once, while it arrives if it is not there yet; an empty one is there when this returns.
    ///
    /// However many tasks and processes ask, the source is read once; a reader that fails or leaves does not stop the
    /// download, which ends with the cache's scope. An interrupted one is continued where it stopped.
    ///
    /// - Parameters:
    ///   - descriptor: which blob.
    ///   - source: whom a download asks that begins now.
    ///   - demand: what a download that begins now goes on for; when nobody wants it any more it ends, unless somebody
    ///   joins it meanwhile.
    /// - Returns: the reader; what goes wrong with the download is thrown by its methods.
    /// - Throws: ``CacheError`` (`closed`, `conflict`, or the file cannot be opened).
    package func follow(
        _ descriptor: Descriptor,
        from source: any ContentSource,
        while demand: Demand? = nil
    ) async throws -> CachedBlob {
        try await downloads.follow(descriptor, from: source, demand)
    }

    /// Lets a blob's download go on from this source too where its own fails or is slow, whoever begins it while `body`
    /// runs: for those who wait until somebody else has brought it, and ask for nothing themselves.
    package func offering<Result>(
        _ descriptor: Descriptor,
        from source: any ContentSource,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await downloads.offering(descriptor, from: source, body)
    }

    /// A committed manifest, read whole and hashed.
    ///
    /// - Returns: `nil` when it is not there or was damaged; a damaged one has been put aside.
    /// - Throws: ``CacheError`` when the file cannot be read; `DocumentError` when the bytes are right, but are not
    ///   what the descriptor says.
    package func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        try store.manifests.manifest(descriptor)
    }

    /// A committed manifest by its digest alone; its type is the one it declares or was stored with.
    ///
    /// - Returns: `nil` when it is not there or was damaged; a damaged one has been put aside.
    package func manifest(_ digest: Digest) throws -> Manifest? {
        try store.manifests.manifest(digest)
    }

    /// Stores a manifest's bytes, and records what it refers to.
    ///
    /// By the same protocol as any blob. What it refers to need not be there. Safe to repeat; costs no transaction
    /// when everything is there and recorded.
    ///
    /// - Parameters:
    ///   - manifest: what to store.
    ///   - origin: where it came from, and can be fetched again.
    /// - Throws: ``CacheError``.
    package func store(_ manifest: Manifest, from origin: RepositoryReference?) async throws {
        try await store.manifests.store(manifest, from: origin)
    }

    /// Rewrites `index.json` from the tags, so that other tools find them; nothing is written when nothing changed.
    ///
    /// Entries that others have written there stay, and what they name is kept from collection. Call it after each run,
    /// also after a failed one. Safe to repeat.
    package func writeLayout() async throws {
        try await ImageLayout(store: store).write()
    }

    /// Learns what other tools have entered in `index.json`, or written in their own way, before names are removed.
    ///
    /// - Throws: ``CacheError``.
    package func takeUpLayout() async throws {
        try await ImageLayout(store: store).takeUp()
    }

    /// Protects blobs from collection until the cache's scope ends, and notes that they are used.
    ///
    /// Call it once for an image, before asking for its blobs: it is one transaction.
    ///
    /// - Returns: the digests of those that are there, whole and recorded.
    @discardableResult
    package func hold(_ descriptors: [Descriptor]) async throws -> Set<Digest> {
        try await blobs.hold(descriptors)
    }

    /// Puts a blob aside whose bytes turned out wrong, unless another file has taken its place already.
    ///
    /// Nothing is put aside any more once the disk fails: what it says of a file then need not be so. What cannot be put
    /// aside is told in the log.
    package func quarantine(_ blob: BlobFile) async {
        await downloads.quarantine(blob.file, blob.digest)
    }

    /// Puts a damaged blob aside unless another process has its shard; then it is found again.
    package func quarantineIfFree(_ blob: BlobFile) {
        Quarantine(store: store).putAsideIfFree(blob.file, blob.digest)
    }

    /// Whether the cache can still be used.
    ///
    /// - Throws: ``CacheError``, the same each time, once the disk or the index has failed: then nothing else that is
    ///   begun can succeed.
    package func checkUsable() throws {
        try store.health.check()
    }

    /// Waits until the disk or the index fails, or the directory is replaced, after which the cache cannot be used until it is
    /// opened again; for one task.
    ///
    /// - Returns: why; `nil` when the task was cancelled first.
    package func failure() async -> CacheError? {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.store.endWhenReplaced() }
            defer { group.cancelAll() }
            return await store.health.failed.value()
        }
    }

    /// Why readers of a download were cut off within the last half minute: the disk refused what it had room for.
    package var recentCutOff: CacheError? { store.health.recentCutOff }

    /// Why nothing can be written to the cache now, although it was opened for that; `nil` when it can.
    package var refusal: CacheError? {
        guard !store.isReadOnly else { return nil }
        return store.directory.refusal
    }

    /// Whether less is free on the disk than has to stay so: every download is refused then.
    ///
    /// `false` where the system does not tell.
    package var lacksSpace: Bool { FreeSpace(store: store).isLacking }

    /// Makes room because the disk is full; tells whether there is more.
    func reclaim() async throws -> Bool {
        try await downloads.reclaiming.run { [self] in try await store.configuration.collection(self) }
    }
}

extension ContentCache {
    /// Removes what nothing needs, and what makes room; as ``Collector/collect(_:)``.
    package func collect(_ options: CollectionOptions = CollectionOptions()) async throws -> CollectionReport {
        try await collection.collect(options)
    }

    /// Hashes blobs again and puts aside what is wrong; as ``Verifier/verify(_:progress:)``.
    package func verify(
        _ options: VerificationOptions = VerificationOptions(),
        progress: VerificationProgress = VerificationProgress()
    ) async throws -> VerificationReport {
        try await verification.verify(options, progress: progress)
    }

    /// What this process downloads now, by source and digest.
    package var runningDownloads: [RunningDownload] { downloads.running }
}
