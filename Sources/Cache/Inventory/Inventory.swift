import CLinux
import FoundationEssentials

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
        let partials = try await blocking { [store] in try OldIngests(store: store).interrupted() }
        usage.partials = partials.count
        usage.partialBytes = partials.reduce(0, +)
        return usage
    }

    /// Looks at the index alone; a large cache takes seconds, in which nobody else has to wait.
    ///
    /// - Throws: ``CacheError``.
    package func overview() async throws -> CacheOverview {
        let rows = try await store.index.readPages(ImageWalk()) { try $0.run($1, $2) }.found
        let free = clinux_free_bytes(store.directory.root.file.descriptor)
        return CacheOverview(
            usage: try await usage(),
            images: rows.map(CacheOverview.Image.init),
            freeBytes: free >= 0 ? free : nil
        )
    }
}

/// How much space there is for a cache.
package struct CacheSpace: Hashable, Sendable {
    /// Bytes that may still be written to its file system; `nil` where that is not told.
    package let free: Int64?
    /// Bytes of it that downloads leave free.
    package let floor: Int64
}

/// When a cache was verified last, and what came of it.
package struct LastVerification: Codable, Hashable, Sendable {
    /// Seconds since 1970.
    package let endedAt: Int64
    package let blobs: Int
    /// Blobs that were damaged or missing, and were not repaired at once.
    package let bad: Int
    /// Whether no blob was left out.
    package let isWhole: Bool
}

extension Inventory {
    private static let verificationKey = "last verification"

    /// How much may still be stored.
    package var space: CacheSpace {
        let space = FreeSpace(store: store)
        let free = space.free
        return CacheSpace(free: free >= 0 ? free : nil, floor: space.floor)
    }

    /// Notes how a verification ended.
    ///
    /// Nothing is noted where the cache cannot be written. Safe to repeat.
    ///
    /// - Throws: ``CacheError``.
    package func noteVerification(blobs: Int, bad: Int, isWhole: Bool) async throws {
        guard !store.isReadOnly else { return }
        let result = LastVerification(endedAt: store.now, blobs: blobs, bad: bad, isWhole: isWhole)
        let text = String(decoding: try JSONEncoder().encode(result), as: UTF8.self)
        try await store.index.write { try $0.meta.set(Self.verificationKey, to: text) }
    }

    /// How the last verification ended that came to an end of its own.
    ///
    /// - Returns: `nil` when there was none.
    /// - Throws: ``CacheError``.
    package func lastVerification() async throws -> LastVerification? {
        try await store.index.read { try $0.meta.value(of: Self.verificationKey) }.flatMap {
            try? JSONDecoder().decode(LastVerification.self, from: Data($0.utf8))
        }
    }
}
