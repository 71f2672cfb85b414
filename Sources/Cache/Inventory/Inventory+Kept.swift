import GRDB
package import OCI

extension Inventory {
    /// What the cache holds for good: all that its names and awaited volumes keep, as far as the files are there.
    ///
    /// What only a grace or a lease protects from the next collection is left out. One after the other, by digest: there
    /// may be more than is to be held.
    ///
    /// - Throws: ``CacheError``.
    package func keptBlobs<Result: Sendable>(
        into result: Result,
        _ add: @escaping @Sendable (inout Result, Digest, Int64) -> Void
    ) async throws -> Result {
        let garbage = try await store.index.readPages((walk: Garbage(.lasting), found: Set<Digest>())) {
            state,
            db,
            page in
            var found = state.found
            state.found = []
            defer { state.found = found }
            return try state.walk.run(db, page) { found.insert($0.digest) }
        }.found
        let start = (last: Digest?.none, result: result)
        return try await store.index.readPages(start) { [blobs = store.directory.blobs] state, db, page in
            let rows = try db.cachedStatement(
                sql: "SELECT digest FROM blobs WHERE digest > ? ORDER BY digest LIMIT 256"
            )
            while !page.isOver {
                let digests = try Digest.fetchAll(rows, arguments: [state.last.place])
                for digest in digests where !garbage.contains(digest) {
                    if let file = try blobs.file(digest) { add(&state.result, digest, file.size) }
                }
                guard let last = digests.last else { return true }
                state.last = last
            }
            return false
        }.result
    }

    /// All tags, each with the digest that it stands for.
    ///
    /// - Parameters:
    ///   - start: what they are gathered in: there may be very many.
    ///   - add: adds one.
    /// - Returns: what they were gathered in.
    /// - Throws: ``CacheError``.
    package func keptTags<Result: Sendable>(
        into start: Result,
        _ add: @escaping @Sendable (inout Result, ImageReference, Digest) -> Void
    ) async throws -> Result {
        try await NameWalk(index: store.index).tags(into: start) { result, row in
            add(&result, ImageReference(location: row.location, tag: row.tag), row.descriptor.digest)
        }
    }

    /// What nothing needs and a collection with this grace would leave; what running commands hold counts too.
    ///
    /// - Throws: ``CacheError``.
    package func recentGarbage(_ grace: Duration = CollectionOptions.defaultGrace) async throws -> RecentGarbage {
        let seconds = grace.components.seconds
        let start = (walk: Garbage(.lasting), found: RecentGarbage())
        let recent = RecentUse(within: grace, now: store.now)
        return try await store.index.readPages(start) { state, db, page in
            var found = state.found
            defer { state.found = found }
            return try state.walk.run(db, page) { blob in
                guard recent.contains(blob.lastUse) else { return }
                found.blobs += 1
                found.bytes += blob.size
                found.until = max(found.until ?? 0, blob.lastUse + seconds)
            }
        }.found
    }
}
