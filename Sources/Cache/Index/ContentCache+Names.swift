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
}
