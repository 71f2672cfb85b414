import Cache
import OCI

/// All that an image's own documents say about it, and what of it is in the cache.
struct ImageFacts: Sendable {
    /// One image of one platform, or an artifact.
    struct Variant: Sendable {
        let descriptor: Descriptor
        var platform: Platform?
        var created: String?
        var layers: [Part] = []
        /// How many layers are not listed.
        var furtherLayers = 0
        var labels: [(name: String, value: String)] = []
        /// Of manifest, config and layers, in full.
        var bytes: Int64
        /// Whether all of it is here.
        var isWhole = false
    }

    struct Part: Sendable {
        let descriptor: Descriptor
        let isHere: Bool
    }

    /// An index can name any number; people look at about ten.
    fileprivate static let mostVariants = 64
    /// Most programs refuse images of more than 127; a manifest has room for tens of thousands.
    fileprivate static let mostLayers = 128
    private static let mostReferrers = 100
    private static let mostLabels = 200

    let descriptor: Descriptor
    let isIndex: Bool
    /// What an artifact is for.
    var artifactType: String?
    var annotations: [(name: String, value: String)] = []
    var variants: [Variant] = []
    /// How many variants are not listed.
    var further = 0
    /// Where its bytes came from.
    var origins: [RepositoryReference] = []
    /// What refers to it.
    var referrers: [ReferrerEntry] = []
    /// How much else does, which is not listed.
    var furtherReferrers = 0
    var isWhole: Bool

    /// Reads the documents of an image.
    ///
    /// - Returns: `nil` when its manifest is not here, or is none.
    /// - Throws: `CacheError` when a file cannot be read.
    @concurrent
    static func read(_ digest: Digest, of repository: RepositoryReference, in cache: ContentCache) async throws -> Self?
    {
        guard let manifest = try cache.legible(digest) else { return nil }
        var facts = try ImageFacts(manifest, cache)
        facts.origins = try await cache.inventory.record(of: digest)?.sources ?? []
        let referrers = try await cache.referrers.here(of: digest, in: repository)
        facts.referrers = try referrers.prefix(mostReferrers).compactMap { referrer in
            try cache.legible(referrer.digest).map(ReferrerEntry.init)
        }
        facts.furtherReferrers = max(0, referrers.count - mostReferrers)
        return facts
    }

    fileprivate static func sorted(_ values: [String: String]) -> [(name: String, value: String)] {
        values.sorted { $0.key < $1.key }.prefix(mostLabels).map { (name: $0.key, value: $0.value) }
    }
}

extension ImageFacts {
    fileprivate init(_ manifest: Manifest, _ cache: ContentCache) throws {
        descriptor = manifest.descriptor
        isWhole = try cache.isWhole(manifest)
        switch manifest.content {
        case .image(let image):
            isIndex = false
            artifactType = image.artifactType
            annotations = Self.sorted(image.annotations)
            variants = [try Variant(manifest.descriptor, nil, cache)]
        case .index(let index):
            isIndex = true
            annotations = Self.sorted(index.annotations)
            let shown = index.entries.filter { $0.platform?.isUnknown != true }
            variants = try shown.prefix(Self.mostVariants).map { try Variant($0.descriptor, $0.platform, cache) }
            further = shown.count - variants.count
        }
    }
}

extension ImageFacts.Variant {
    fileprivate init(_ descriptor: Descriptor, _ platform: Platform?, _ cache: ContentCache) throws {
        self.descriptor = descriptor
        self.platform = platform
        bytes = descriptor.size
        guard let manifest = try cache.legible(descriptor.digest) else { return }
        isWhole = try cache.isWhole(manifest)
        guard case .image(let image) = manifest.content else { return }
        layers = try image.layers.prefix(ImageFacts.mostLayers).map { layer in
            ImageFacts.Part(descriptor: layer, isHere: try cache.contains(layer))
        }
        furtherLayers = image.layers.count - layers.count
        bytes = image.layers.reduce(bytes + image.config.size) { $0 + $1.size }
        guard let config = try cache.document(image.config) else { return }
        created = config["created"]?.string
        self.platform = platform ?? Platform(config)
        let labels = config["config"]?["Labels"]?.members ?? []
        self.labels = ImageFacts.sorted(
            labels.reduce(into: [:]) { values, label in values[label.key] = label.value.string }
        )
    }
}

extension Platform {
    /// - Returns: `nil` for the config of an artifact.
    fileprivate init?(_ config: JSONValue) {
        guard let os = config["os"]?.string, let architecture = config["architecture"]?.string else { return nil }
        self.init(os: os, architecture: architecture, variant: config["variant"]?.string)
    }
}

extension ContentCache {
    /// A manifest that is here and can be understood.
    fileprivate func legible(_ digest: Digest) throws -> Manifest? {
        do {
            return try manifest(digest)
        } catch is DocumentError {
            return nil
        }
    }

    /// A small document that is here and is JSON.
    fileprivate func document(_ descriptor: Descriptor) throws -> JSONValue? {
        guard descriptor.size <= Manifest.maximumSize, let file = try blobFile(descriptor.digest) else { return nil }
        return try? JSONValue(parsing: file.read(at: 0, atMost: max(1, Int(descriptor.size))))
    }
}
