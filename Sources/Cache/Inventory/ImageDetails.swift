import GRDB
package import OCI

/// What an image's own documents say about it, as far as they are in the cache.
package struct ImageDetails: Hashable, Sendable {
    /// What it can run on; empty for artifacts.
    package var platforms: [Platform] = []
    /// When it was built, as its config says it; of several platforms the first one's.
    package var created: String?

    package init() {}
}

extension Platform {
    /// The platform that an image's config names (OCI image-spec 1.1.1, "Image Configuration").
    ///
    /// - Returns: `nil` for the config of an artifact.
    package init?(config: JSONValue) {
        guard let os = config["os"]?.string, let architecture = config["architecture"]?.string else { return nil }
        self.init(os: os, architecture: architecture, variant: config["variant"]?.string)
    }
}

/// What the index knows of one manifest beside its content.
package struct ManifestRecord: Hashable, Sendable {
    /// Sorted by repository and name.
    package let names: [ImageReference]
    /// The repositories that it was fetched from, sorted.
    package let sources: [RepositoryReference]
    /// Seconds since 1970.
    package let committedAt: Int64
    /// Seconds since 1970.
    package let usedAt: Int64
}

extension Inventory {
    /// What is known of a manifest: its names, where it came from, and when.
    ///
    /// - Returns: `nil` when the index has no such manifest.
    /// - Throws: ``CacheError``.
    package func record(of digest: Digest) async throws -> ManifestRecord? {
        try await blocking { [store] in
            try store.index.read { db in
                let times = "SELECT committed_at, max(committed_at, used_at) FROM blobs WHERE digest = ?"
                guard let row = try Row.fetchOne(db, sql: times, arguments: [digest]) else { return nil }
                let names = "SELECT host, repository, reference FROM names WHERE digest = ? ORDER BY 1, 2, 3"
                let places = "SELECT host, repository FROM blob_sources WHERE digest = ? ORDER BY 1, 2"
                return ManifestRecord(
                    names: try ImageReference.fetchAll(db, sql: names, arguments: [digest]),
                    sources: try RepositoryReference.fetchAll(db, sql: places, arguments: [digest]),
                    committedAt: row[0],
                    usedAt: row[1]
                )
            }
        }
    }

    /// The tags that a question picks, also of images that are not whole; sorted by repository and tag, read in pages.
    ///
    /// - Throws: ``CacheError``.
    package func tags(
        where isWanted: @escaping @Sendable (ImageReference) -> Bool
    ) async throws -> [ImageReference] {
        let start = (position: NameRow.Position.start, found: [ImageReference]())
        return try await store.index.readPages(start) { state, db, page in
            while !page.isOver {
                let rows = try NameRow.next(db, after: state.position, limit: 250)
                guard let last = rows.last else { return true }
                for row in rows where row.isTag && !state.position.isNameOf(row.position) {
                    state.position = row.position
                    guard let reference = row.position.reference, isWanted(reference) else { continue }
                    state.found.append(reference)
                }
                state.position = last.position
            }
            return false
        }.found
    }
}

extension NameRow.Position {
    /// `nil` for what is no name.
    fileprivate var reference: ImageReference? { try? ImageReference("\(host)/\(repository):\(name)") }
}
