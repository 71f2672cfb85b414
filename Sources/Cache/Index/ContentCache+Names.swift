package import OCI

extension ContentCache {
    /// Points a tag at a manifest, last of all and in a transaction of its own; what it was before is kept as history.
    ///
    /// The manifest must have been stored, and all that it refers to: a tag promises the whole image. Safe to repeat;
    /// costs no transaction when nothing changes.
    ///
    /// - Throws: ``CacheError`` (`missing` when the manifest is not there).
    package func record(
        _ tag: TagName,
        of location: RepositoryReference,
        as descriptor: Descriptor
    ) async throws {
        try health.check()
        guard contains(descriptor) else {
            throw CacheError(
                .missing,
                "record \(location):\(tag)",
                digest: descriptor.digest,
                "its manifest \(descriptor.digest) is not in the cache; store it first"
            )
        }
        _ = try await blocking { [index, now = configuration.now] in
            try index.record(tag, of: location, as: descriptor.digest, at: now())
        }
    }

    /// Forgets a tag, durably; what it was is kept as history, and its bytes until the next collection.
    ///
    /// `index.json` follows at the next ``writeLayout()``. Safe to repeat.
    ///
    /// - Returns: whether there was such a tag.
    package func remove(_ tag: TagName, of location: RepositoryReference) async throws -> Bool {
        try await blocking { [index, now = configuration.now] in
            try index.remove(tag, of: location, at: now())
        }
    }

    /// Notes that what tags name is used, so that it is not the first to make room; at most one transaction.
    ///
    /// What was used within the last hour is left as it is. Tags that the cache does not hold are not an error.
    package func noteUse(of references: some Sequence<ImageReference> & Sendable) async throws {
        try await blocking { [index, now = configuration.now] in try index.noteUse(of: references, at: now()) }
    }

    /// The tags that the cache holds of a repository, sorted.
    package func tags(of location: RepositoryReference) async throws -> [(TagName, Descriptor)] {
        try await blocking { [index] in try index.tags(of: location) }.map { ($0.tag, $0.descriptor) }
    }

    /// The repositories that the cache holds tags of, sorted.
    package func locations() async throws -> [RepositoryReference] {
        try await blocking { [index] in try index.locations() }
    }

    /// What a tag or digest of a repository names in the cache; asks nobody else.
    ///
    /// - Returns: `nil` when the cache does not know it.
    package func resolve(_ reference: Reference, in location: RepositoryReference) async throws -> Descriptor? {
        try await blocking { [index] in
            switch reference {
            case .tag(let tag): try index.descriptor(of: tag, in: location)
            case .digest(let digest): try index.manifestDescriptor(digest)
            }
        }
    }

    /// Protects blobs from collection until the cache's scope ends, and notes that they are used.
    ///
    /// Call it once for an image, before asking for its blobs: it is one transaction.
    ///
    /// - Returns: the digests of those that are there, whole and recorded.
    @discardableResult
    package func hold(_ descriptors: [Descriptor]) async throws -> Set<Digest> {
        guard !descriptors.isEmpty else { return [] }
        try health.check()
        guard !isReadOnly else { return Set(descriptors.filter(contains).map(\.digest)) }
        try lease.begin()
        let digests = Set(descriptors.map(\.digest)).sorted()
        let hold = { @Sendable [index, lease, now = configuration.now] (digests: [Digest]) in
            try index.hold(digests, lease: lease.id, at: now())
        }
        var states = try await blocking { try hold(digests) }
        // A collection may be between saying so and removing the file, which must not be taken for there.
        let leaving = digests.filter { states[$0] == .deleting }
        if !leaving.isEmpty {
            for digest in leaving { try await awaitDeletion(digest) }
            let settled = try await blocking { try hold(leaving) }
            for digest in leaving { states[digest] = settled[digest] }
        }
        let present = Set(descriptors.filter(contains).map(\.digest))
        let settled = states
        let lost = digests.filter { settled[$0] == .ok && !present.contains($0) }
        try await blocking { [index] in try index.markMissing(lost) }
        return present.filter { settled[$0] == .ok }
    }
}
