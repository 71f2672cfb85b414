/// What the cache holds, for people and other programs to read.
///
/// Everything is read in short transactions, so that nobody who writes waits for somebody who looks.
package struct Inventory: Sendable {
    let store: Store

    /// Counts what the index knows of; looks at no blob, and at no more rows than there are names and unneeded blobs.
    ///
    /// - Throws: ``CacheError``.
    package func usage() async throws -> CacheUsage {
        var usage = try await store.index.readPages(UsageWalk()) { try $0.run($1, $2) }.usage
        let waiting = try await blocking { [store] in try OldIngests(store: store).waiting() }
        (usage.partials, usage.partialBytes) = (waiting.downloads, waiting.downloadBytes)
        (usage.staged, usage.stagedBytes) = (waiting.imports, waiting.importBytes)
        let evidence = try await blocking { [store] in try Evidence(store.directory).remove(isDryRun: true) }
        (usage.quarantined, usage.quarantinedBytes) = (evidence.blobs, evidence.bytes)
        return usage
    }

    /// All images, and how much there is of everything; looks at the index alone, and at each name once.
    ///
    /// - Throws: ``CacheError``.
    package func overview() async throws -> CacheOverview {
        let walk = try await store.index.readPages(OverviewWalk()) { try $0.run($1, $2) }
        return CacheOverview(usage: try await usage(), images: walk.images, freeBytes: space.free)
    }

    /// How much may still be stored.
    package var space: CacheSpace {
        let space = FreeSpace(store: store)
        let free = space.free
        return CacheSpace(free: free >= 0 ? free : nil, floor: space.floor)
    }
}

/// How much space there is for a cache.
package struct CacheSpace: Hashable, Sendable {
    /// Bytes that may still be written to its file system; `nil` where that is not told.
    package let free: Int64?
    /// Bytes of it that downloads leave free.
    package let floor: Int64
}
