package import Cache
package import OCI

/// What the cache holds, and nothing else: no registry is asked.
package struct CachedContent: ServedContent {
    private let cache: ContentCache
    private let manifests = KeptFiles<Manifest>(limit: 16 << 20)

    package init(_ cache: ContentCache) {
        self.cache = cache
    }

    @concurrent
    package func manifest(
        _ reference: Reference,
        of repository: RepositoryReference
    ) async throws -> ServedManifest? {
        switch reference {
        case .digest(let digest):
            return try manifest(digest).map { ServedManifest($0) }
        case .tag(let tag):
            for image in try await cache.names.images(of: tag, in: repository) {
                guard let manifest = try manifest(image.descriptor) else { continue }
                // Whoever pulled it may have been killed before its image was found to be whole.
                if try image.wasWhole || cache.isWhole(manifest) { return ServedManifest(manifest) }
            }
            return nil
        }
    }

    /// A tag promises all of its image, while of an index that is asked for by its digest one image may be all that is needed.
    @concurrent
    package func canServe(
        _ manifest: Manifest,
        by reference: Reference,
        of repository: RepositoryReference
    ) async throws -> Bool {
        if case .digest = reference { try canPull(manifest) } else { try cache.isWhole(manifest) }
    }

    /// Whether somebody can pull an image without asking anybody: all of it or, of an index, one image.
    func canPull(_ manifest: Manifest) throws -> Bool {
        if try cache.isWhole(manifest) { return true }
        guard case .index(let index) = manifest.content else { return false }
        return try index.entries.contains { try self.manifest($0.descriptor.digest).map(cache.isWhole) ?? false }
    }

    package func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile? {
        try cache.blobFile(digest)
    }

    package func fileAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> FileStatus.Version? {
        try cache.blobVersion(digest)
    }

    package func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        client: ServedClient,
        isNeeded: @Sendable (Int64) -> Bool
    ) async throws -> ServedBlob? {
        try cache.blobFile(digest).map(ServedBlob.stored)
    }

    package func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>? {
        let tags = try await cache.names.tags(of: repository).map(\.0)
        return tags.isEmpty ? nil : ServedList(tags.sorted())
    }

    package func repositories() async throws -> [RepositoryReference] {
        try await cache.names.locations()
    }

    /// Also those of which only parts are here.
    func allRepositories() async throws -> [RepositoryReference] {
        try await cache.names.locations(isWhole: false)
    }

    /// Whether an image can be pulled by its digest that was pulled from a repository before, whatever it is called.
    @concurrent
    func hasPulled(from repository: RepositoryReference) async throws -> Bool {
        try await cache.names.pulled(from: repository).contains { try manifest($0).map(canPull) ?? false }
    }

    package func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        artifactType: String? = nil
    ) async throws -> ServedList<ReferrerEntry> {
        ServedList(try await listReferrers(of: digest, in: repository).filtered(by: artifactType))
    }

    @concurrent
    package func quarantine(_ blob: BlobFile) async {
        await cache.quarantine(blob)
    }

    /// A blob of another kind under that digest is not a manifest, and no error.
    private func manifest(_ digest: Digest) throws -> Manifest? {
        do {
            return try kept(digest) ?? keeping(digest) { try cache.manifest(digest) }
        } catch is DocumentError {
            return nil
        }
    }

    /// - Throws: `CacheError`; `DocumentError` for bytes that are not what the descriptor says.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        let digest = descriptor.digest
        if let kept = kept(digest), kept.descriptor == descriptor { return kept }
        return try keeping(digest) { try cache.manifest(descriptor) }
    }

    /// What is in memory, if the file is the one that it was read from.
    private func kept(_ digest: Digest) -> Manifest? {
        guard let kept = manifests[digest], (try? cache.blobVersion(digest)) == kept.file else { return nil }
        return kept.value
    }

    /// Reads a manifest, and keeps it where its file was the same all the time.
    private func keeping(_ digest: Digest, _ read: () throws -> Manifest?) throws -> Manifest? {
        let file = try? cache.blobVersion(digest)
        let manifest = try read()
        // What has its name and is no file is told of, rather than that it does not exist.
        if manifest == nil { _ = try cache.blobFile(digest) }
        if let manifest, let file, (try? cache.blobVersion(digest)) == file {
            manifests.keep(manifest, 8 * Int(manifest.descriptor.size), of: digest, in: file)
        }
        return manifest
    }

    /// Those of the index, and those that the fallback tag lists: an upstream without the API has no others.
    ///
    /// OCI distribution-spec 1.1.1, "Referrers Tag Schema".
    @concurrent
    private func listReferrers(of digest: Digest, in repository: RepositoryReference) async throws -> [ReferrerEntry] {
        var listed: Set<Digest> = []
        var referrers: [ReferrerEntry] = []
        for descriptor in try await cache.referrers.here(of: digest, in: repository) {
            guard let found = try manifest(descriptor.digest), listed.insert(descriptor.digest).inserted else {
                continue
            }
            referrers.append(ReferrerEntry(found))
        }
        let tag = Reference.tag(try digest.referrersTag)
        guard let descriptor = try await cache.names.resolve(tag, in: repository),
            let list = try manifest(descriptor.digest).flatMap({ ReferrerEntry.listed(by: $0, of: digest) })
        else { return referrers }
        for entry in list where listed.insert(entry.descriptor.digest).inserted {
            guard let found = try manifest(entry.descriptor.digest) else { continue }
            referrers.append(ReferrerEntry(found))
        }
        return referrers
    }
}
