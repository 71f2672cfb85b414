import Cache
import Concurrency
import OCI
import Synchronization

/// Reads the manifests of an image, from the cache where it holds them and else from the source.
struct ImageWalk {
    /// How many levels of indexes are followed.
    static let maximumDepth = 8
    /// How many manifests and blobs one image may have in all.
    static let maximumDescriptors = 10_000
    /// How many bytes its manifests may have together, which are held until it is copied; many times what any image has.
    static let maximumBytes: Int64 = 64 << 20

    private static var tooManyParts: DocumentError {
        DocumentError(.tooLarge, "the image has more than \(maximumDescriptors) parts")
    }

    static var tooManyBytes: DocumentError {
        DocumentError(.tooLarge, "the image's manifests have more than \(maximumBytes) bytes")
    }

    /// Where manifests are read as well.
    var configs: ConfigReader

    private var children: [Manifest] = []
    private var blobs: [Descriptor] = []
    private var seen: Set<Descriptor> = []
    /// Of the manifests that are read below the topmost.
    private var byteCount: Int64 = 0
    /// The manifests that have been looked at.
    private let read = Looked()

    init(source: any ContentSource, cache: ContentCache?) {
        self.init(ConfigReader(source: source, cache: cache))
    }

    init(_ configs: ConfigReader) { self.configs = configs }

    /// What has been read so far below what was given, also where the rest could not be.
    var manifests: [Manifest] { read.manifests.withLock { Array($0.values) } }

    private final class Looked: Sendable {
        let manifests = Mutex<[Descriptor: Manifest]>([:])

        subscript(descriptor: Descriptor) -> Manifest? { manifests.withLock { $0[descriptor] } }
    }

    /// Follows the manifest down to its blobs, after reducing it to the platforms asked for.
    ///
    /// - Throws: ``CopyError`` when no platform matches; ``DocumentError``; what the source throws.
    mutating func graph(of document: Manifest, platforms: [PlatformPattern]) async throws -> ImageGraph {
        let choice = try await PlatformChoice(of: platforms, from: document) { try await manifest($0) }
        var check = Check(missing: choice.missing)
        let top: Manifest
        switch choice.top {
        case .document(let whole):
            check = try await self.check(whole, against: platforms)
            check.missing = choice.missing + check.missing
            top = whole
        case .child(let descriptor): top = try await manifest(descriptor)
        case .made(let index): top = index
        }
        byteCount = manifests.reduce(0) { $0 + $1.descriptor.size }
        try await visit(top, depth: 0)
        var graph = ImageGraph(
            top: top,
            source: document.descriptor,
            children: children,
            blobs: blobs,
            missingPlatforms: check.missing
        )
        graph.warnings = check.warnings
        if case .made = choice.top { graph.isMade = true }
        graph.nested = choice.nested
        return graph
    }

    private mutating func visit(_ manifest: Manifest, depth: Int) async throws {
        guard depth < Self.maximumDepth else {
            throw DocumentError(.tooLarge, "indexes are nested deeper than \(Self.maximumDepth) levels")
        }
        let isIndex = manifest.descriptor.mediaType.isIndex
        if isIndex { try await readChildren(of: manifest) }
        for descriptor in manifest.references where seen.insert(descriptor).inserted {
            guard seen.count <= Self.maximumDescriptors else {
                throw Self.tooManyParts
            }
            if isIndex, descriptor.mediaType.isManifest {
                guard let child = read[descriptor] else { continue }
                try await visit(child, depth: depth + 1)
                children.append(child)
            } else if isIndex, descriptor.mediaType.isUnreadManifest {
                throw DocumentError(
                    .unsupported,
                    "the index lists \(descriptor.digest) of type \(descriptor.mediaType), a kind of manifest that is not mirrored"
                )
            } else {
                blobs.append(descriptor)
            }
        }
    }

    /// All at once, as they do not depend on each other.
    private mutating func readChildren(of index: Manifest) async throws {
        var wanted: Set<Descriptor> = []
        let children = index.references.filter {
            $0.mediaType.isManifest && !seen.contains($0) && read[$0] == nil && wanted.insert($0).inserted
        }
        guard seen.count + children.count <= Self.maximumDescriptors else { throw Self.tooManyParts }
        byteCount += children.reduce(0) { $0 + $1.size }
        guard byteCount <= Self.maximumBytes else { throw Self.tooManyBytes }
        let walk = self
        try await children.forEach(limit: ImageCopy.manifestParallelism) { _ = try await walk.manifest($0) }
    }

    private func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        let manifest = try await Self.manifest(descriptor, from: configs.source, configs.cache)
        read.manifests.withLock { $0[descriptor] = manifest }
        return manifest
    }

    /// A manifest from the cache, or else from the source.
    static func manifest(
        _ descriptor: Descriptor,
        from source: any ContentSource,
        _ cache: ContentCache?
    ) async throws -> Manifest {
        if let cached = try cache?.manifest(descriptor) { return cached }
        return try await source.manifest(descriptor)
    }

    /// What an image's own config says of the platforms that are asked for.
    struct Check {
        /// Those that the image is not for.
        var missing: [PlatformPattern] = []
        var warnings: [String] = []
    }

    /// A single-platform source says in its config which platform it is for.
    ///
    /// Registries take any bytes as a config, and so does a copy: what cannot be read tells nothing, as one without a platform.
    ///
    /// - Returns: the platforms asked for that it is not for; none where its config does not tell.
    /// - Throws: ``CopyError`` when it is for none of them; what the source throws, also of a config that is damaged.
    @discardableResult
    func check(_ document: Manifest, against platforms: [PlatformPattern]) async throws -> Check {
        guard !platforms.isEmpty, case .image(let image) = document.content, image.config.mediaType.isImageConfig else {
            return Check()
        }
        let config: ImageConfig
        do {
            config = try await configs.read(image.config)
        } catch let error as DocumentError where error.kind != .digestMismatch {
            let text = "the image's config \(image.config.digest) does not tell its platform: \(error.reason)"
            return Check(warnings: [text])
        }
        guard let platform = config.platform else { return Check() }
        let missing = platforms.filter { !$0.matches(platform) }
        guard missing.count == platforms.count else { return Check(missing: missing) }
        throw CopyError(.noPlatform(wanted: platforms, offered: [platform.description.displaySafe]))
    }
}
