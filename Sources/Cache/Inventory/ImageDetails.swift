import NIOCore
package import OCI

/// What an image's own documents say about it, as far as they are in the cache.
package struct ImageDetails: Hashable, Sendable {
    /// What it can run on; empty for artifacts.
    package var platforms: [Platform] = []
    /// When it was built, as its config says it; of several platforms the first one's.
    package var created: String?

    package init() {}
}

extension Inventory {
    /// Reads the manifests and configs of some images.
    ///
    /// What is not here, or cannot be understood, only lacks its details.
    ///
    /// - Throws: ``CacheError`` when a file cannot be read.
    package func details(of digests: [Digest]) async throws -> [Digest: ImageDetails] {
        try await blocking { [self] in
            try digests.reduce(into: [:]) { details, digest in
                details[digest] = try readable { try store.manifests.manifest(digest) }.map(self.details)
            }
        }
    }

    func details(of descriptor: Descriptor) throws -> ImageDetails {
        try readable { try store.manifests.manifest(descriptor) }.map(details) ?? ImageDetails()
    }

    private func details(of manifest: Manifest) throws -> ImageDetails {
        var details = ImageDetails()
        switch manifest.content {
        case .image(let image):
            guard let config = try config(image.config) else { break }
            details.created = config["created"]?.string
            if let platform = Platform(config: config) { details.platforms = [platform] }
        case .index(let index):
            let here = index.entries.filter { store.blobs.contains($0.descriptor) }
            details.platforms = here.compactMap(\.platform).filter { !$0.isUnknown }
            guard let first = here.first,
                case .image(let image)? = try readable({ try store.manifests.manifest(first.descriptor) })?.content
            else { break }
            details.created = try config(image.config)?["created"]?.string
        }
        return details
    }

    /// A manifest that cannot be understood only lacks its details here.
    private func readable(_ read: () throws -> Manifest?) throws -> Manifest? {
        do {
            return try read()
        } catch is DocumentError {
            return nil
        }
    }

    private func config(_ config: Descriptor) throws -> JSONValue? {
        guard config.size <= Manifest.maximumSize,
            let file = try store.directory.openBlob(config.digest, size: config.size)
        else { return nil }
        do throws(SystemError) {
            let bytes = try file.read(at: 0, atMost: max(1, Int(config.size)))
            return try? JSONValue(parsing: bytes)
        } catch {
            throw CacheError(error, "read \(config.digest)", path: store.directory.path, digest: config.digest)
        }
    }
}

extension Platform {
    /// - Returns: `nil` for the config of an artifact.
    fileprivate init?(config: JSONValue) {
        guard let os = config["os"]?.string, let architecture = config["architecture"]?.string else { return nil }
        self.init(os: os, architecture: architecture, variant: config["variant"]?.string)
    }
}
