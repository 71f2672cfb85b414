import Cache
package import OCI

/// Finds what of a cache's images `docker load` can take: one platform's config and layers each.
struct DockerSelection {
    let cache: ContentCache
    /// Those asked for, in their order.
    let platforms: [PlatformPattern]

    /// What becomes of one image.
    enum Outcome {
        case image(ImageManifest)
        /// Why docker cannot load it.
        case unsuitable(String)
    }

    /// Looks at some images, one after the other.
    ///
    /// - Parameters:
    ///   - images: the archive's.
    ///   - body: gets the place of each, and what becomes of it.
    /// - Throws: ``CacheError``, `DocumentError`.
    @concurrent
    func forEach(in images: ImageList, _ body: (Int, Outcome) -> Void) async throws {
        var last: (top: Descriptor, outcome: Outcome)?
        for position in images.indices {
            let top = images.descriptor(at: position)
            // Names that are neighbours often stand for the same.
            let outcome = if let last, last.top == top { last.outcome } else { try outcome(of: top) }
            last = (top, outcome)
            body(position, outcome)
        }
    }

    private func outcome(of top: Descriptor) throws -> Outcome {
        guard let image = try image(of: top, depth: 0) else { return Self.unsuitable("its index lists no image") }
        return try reason(against: image).map(Self.unsuitable) ?? .image(image)
    }

    private static func unsuitable(_ reason: String) -> Outcome { .unsuitable("docker cannot load it: \(reason)") }

    /// Of an index with several platforms the first one asked for, else linux/amd64, else the first.
    private func image(of descriptor: Descriptor, depth: Int) throws -> ImageManifest? {
        guard depth < ArchiveClosure.maximumDepth, let manifest = try cache.manifest(descriptor) else { return nil }
        switch manifest.content {
        case .image(let image): return image
        case .index(let index):
            let images = index.entries.filter { $0.descriptor.mediaType.isManifest && $0.platform?.isUnknown != true }
            let wishes = platforms + [try PlatformPattern("linux/amd64")]
            let wished = wishes.lazy.compactMap { pattern in
                images.first { $0.platform.map(pattern.matches) ?? false }
            }
            guard let entry = wished.first ?? images.first else { return nil }
            return try image(of: entry.descriptor, depth: depth + 1)
        }
    }

    /// - Returns: `nil` for what docker can load.
    private func reason(against image: ImageManifest) throws -> String? {
        guard image.config.mediaType == .ociConfig || image.config.mediaType == .dockerConfig else {
            return "it is no container image, its config is of the type \("\(image.config.mediaType)".displaySafe)"
        }
        if let position = image.foreignLayers.min() {
            return "its layer \(image.layers[position].digest) is a foreign one, which is not in the cache"
        }
        if let layer = image.layers.first(where: { !$0.mediaType.isDockerLayer }) {
            return "its layer \(layer.digest) is of the type \("\(layer.mediaType)".displaySafe)"
        }
        guard let count = try layerCount(config: image.config) else {
            return "its config \(image.config.digest) does not say which layers it is of"
        }
        guard count == image.layers.count else {
            return "its config is of \(count) layers, and it has \(image.layers.count)"
        }
        return nil
    }

    /// Programs refuse the whole archive for a config that is of other layers, as an import here does.
    private func layerCount(config: Descriptor) throws -> Int? {
        guard config.size <= Manifest.maximumSize, config.size > 0 else { return nil }
        let bytes = try cache.blobFile(config.digest)?.read(at: 0, atMost: Int(config.size))
        guard let bytes, let root = try? JSONValue(parsing: bytes), root["os"]?.string != nil else { return nil }
        return root["rootfs"]?.list("diff_ids")?.count
    }
}

extension MediaType {
    /// Whether it is a layer's that docker unpacks; neither other content nor what is encrypted.
    fileprivate var isDockerLayer: Bool {
        let forms = [
            ("application/vnd.oci.image.layer.v1.tar", ["", "+gzip", "+zstd"]),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", ["", "+gzip", "+zstd"]),
            ("application/vnd.docker.image.rootfs.diff.tar", ["", ".gzip", ".zstd"]),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar", ["", ".gzip"]),
        ]
        return forms.contains { form, endings in endings.contains { description == form + $0 } }
    }
}

/// Why images cannot be in an archive that is docker's alone.
package struct DockerArchiveError: Error, CustomStringConvertible {
    /// Each, with why.
    package let images: [(image: ImageReference, reason: String)]

    package var description: String { images.map { "\($0.image): \($0.reason)" }.joined(separator: "; ") }
}
