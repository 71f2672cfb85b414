import Cache
import OCI

/// Gathers what the cache knows of an image; asks nobody else.
struct ImageInspection {
    private let cache: ContentCache

    init(_ cache: ContentCache) {
        self.cache = cache
    }

    /// - Returns: `nil` when the cache has no such image.
    /// - Throws: `CacheError`; `DocumentError` where a manifest is not what it says.
    func document(of reference: ImageReference) async throws -> InspectionDocument? {
        let tag = reference.digest == nil ? try reference.tag ?? TagName("latest") : nil
        let name = reference.digest.map(Reference.digest) ?? tag.map(Reference.tag)
        guard let name, let top = try await descriptor(name, in: reference.location),
            let manifest = try cache.manifest(top)
        else { return nil }
        let record = try await cache.inventory.record(of: top.digest)
        let manifests = try self.manifests(of: manifest)
        let subjects = [top.digest] + manifests.map(\.descriptor.digest).filter { $0 != top.digest }
        return InspectionDocument(
            reference: ImageReference(location: reference.location, reference: name).description,
            digest: top.digest.description,
            mediaType: manifest.descriptor.mediaType.description,
            isWhole: manifests.allSatisfy(\.told.isWhole),
            names: record?.names.map(\.description) ?? [],
            sources: record?.sources.map(\.description) ?? [],
            storedAt: record?.committedAt,
            lastUse: record?.usedAt,
            annotations: annotations(of: manifest),
            manifests: manifests.map(\.told),
            referrers: try await referrers(of: subjects, in: reference.location),
            history: try await history(of: tag, in: reference.location)
        )
    }

    private func descriptor(_ name: Reference, in location: RepositoryReference) async throws -> Descriptor? {
        switch name {
        case .tag(let tag): try await cache.names.resolveAny(tag, in: location)
        case .digest: try await cache.names.resolve(name, in: location)
        }
    }

    private func history(
        of tag: TagName?,
        in location: RepositoryReference
    ) async throws -> [InspectionDocument.Period] {
        guard let tag else { return [] }
        return try await cache.names.history(of: tag, in: location).map {
            .init(digest: $0.digest.description, since: $0.since, until: $0.until)
        }
    }

    private func referrers(
        of subjects: [Digest],
        in location: RepositoryReference
    ) async throws -> [InspectionDocument.Referrer] {
        var found: [InspectionDocument.Referrer] = []
        for subject in subjects {
            for referrer in try await cache.referrers.here(of: subject, in: location) {
                found.append(
                    .init(
                        subject: subject.description,
                        digest: referrer.digest.description,
                        mediaType: referrer.mediaType.description,
                        artifactType: try artifactType(of: referrer),
                        size: referrer.size
                    )
                )
            }
        }
        return found
    }

    private func artifactType(of referrer: Descriptor) throws -> String? {
        guard case .image(let image)? = try cache.manifest(referrer)?.content else { return nil }
        return image.artifactType ?? image.config.mediaType.description
    }

    private func annotations(of manifest: Manifest) -> [String: String] {
        switch manifest.content {
        case .image(let image): image.annotations
        case .index(let index): index.annotations
        }
    }
}

extension ImageInspection {
    /// The manifest itself, or an index's children in their order.
    private func manifests(
        of manifest: Manifest
    ) throws -> [(descriptor: Descriptor, told: InspectionDocument.Manifest)] {
        switch manifest.content {
        case .image: try [(manifest.descriptor, told(manifest.descriptor, manifest, nil))]
        case .index(let index):
            try index.entries.map { entry in
                let child = try cache.contains(entry.descriptor) ? cache.manifest(entry.descriptor) : nil
                return (entry.descriptor, try told(entry.descriptor, child, entry.platform))
            }
        }
    }

    /// The manifest is `nil` where it is not in the cache, the platform where no index says it: then the config does.
    private func told(
        _ descriptor: Descriptor,
        _ manifest: Manifest?,
        _ platform: Platform?
    ) throws -> InspectionDocument.Manifest {
        let content = manifest?.content
        let isWhole = try content != nil && manifest?.references.allSatisfy(cache.contains) == true
        var config: JSONValue?
        if case .image(let image)? = content { config = try self.config(image.config) }
        let platform = platform ?? config.flatMap(Platform.init(config:))
        var told = InspectionDocument.Manifest(
            digest: descriptor.digest.description,
            mediaType: descriptor.mediaType.description,
            size: descriptor.size,
            platform: platform?.description,
            isWhole: isWhole
        )
        guard case .image(let image)? = content else { return told }
        told.bytes = image.layers.reduce(image.config.size) { $0 + $1.size }
        told.created = config?["created"]?.string
        told.layers = try image.layers.map { layer in
            .init(
                digest: layer.digest.description,
                mediaType: layer.mediaType.description,
                size: layer.size,
                isHere: try cache.contains(layer)
            )
        }
        let labels = config?["config"]?["Labels"]?.members ?? []
        told.labels = Dictionary(
            labels.compactMap { label in label.value.string.map { (label.key, $0) } },
            uniquingKeysWith: { first, _ in first }
        )
        return told
    }

    /// What is no config that can be understood only lacks its details.
    private func config(_ descriptor: Descriptor) throws -> JSONValue? {
        guard descriptor.size <= Manifest.maximumSize, try cache.contains(descriptor),
            let bytes = try cache.blobFile(descriptor.digest)?.read(at: 0, atMost: max(1, Int(descriptor.size)))
        else { return nil }
        return try? JSONValue(parsing: bytes)
    }
}
