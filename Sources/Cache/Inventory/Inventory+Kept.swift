import GRDB
package import OCI

extension Inventory {
    /// What the cache holds for good: all that its names and awaited volumes keep, as far as the files are there.
    ///
    /// What only a grace or a lease protects from the next collection is left out. Sorted by digest.
    ///
    /// - Throws: ``CacheError``.
    package func keptBlobs() async throws -> [(digest: Digest, size: Int64)] {
        let garbage = try await store.index.readPages((walk: Garbage(.lasting), found: Set<Digest>())) {
            state,
            db,
            page in
            var found = state.found
            state.found = []
            defer { state.found = found }
            return try state.walk.run(db, page) { found.insert($0.digest) }
        }.found
        let files = try await blocking { [directory = store.directory] in try directory.blobs.all() }
        let start = (position: 0, kept: [(digest: Digest, size: Int64)]())
        return try await store.index.readPages(start) { state, db, page in
            let row = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?)")
            while state.position < files.count, !page.isOver {
                let file = files[state.position]
                state.position += 1
                guard !garbage.contains(file.digest), try Bool.fetchOne(row, arguments: [file.digest]) == true
                else { continue }
                state.kept.append((file.digest, file.size))
            }
            return state.position == files.count
        }.kept
    }

    /// All tags, each with the digest that it stands for.
    ///
    /// - Throws: ``CacheError``.
    package func keptTags() async throws -> [(reference: ImageReference, digest: Digest)] {
        try await NameWalk(index: store.index).tags().map {
            (ImageReference(location: $0.location, tag: $0.tag), $0.descriptor.digest)
        }
    }

    /// What nothing needs and a collection with this grace would leave; what running commands hold counts too.
    ///
    /// - Throws: ``CacheError``.
    package func recentGarbage(_ grace: Duration = CollectionOptions.defaultGrace) async throws -> RecentGarbage {
        let seconds = grace.components.seconds
        let start = (walk: Garbage(.lasting), found: RecentGarbage())
        return try await store.index.readPages(start) { [cutoff = store.now - seconds] state, db, page in
            var found = state.found
            defer { state.found = found }
            return try state.walk.run(db, page) { blob in
                guard blob.lastUse > cutoff else { return }
                found.blobs += 1
                found.bytes += blob.size
                found.until = max(found.until ?? 0, blob.lastUse + seconds)
            }
        }.found
    }
}
