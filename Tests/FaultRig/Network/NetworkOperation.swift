import Cache
import Logging
import NIOCore
import OCI
import Registry
import TestSupport

/// What is done with a registry while it goes wrong.
enum NetworkOperation: String, CaseIterable, Sendable {
    case pull
    case push
    case tags
    case token
    case through

    /// Which of its requests can go wrong.
    var positions: [(String?, RequestMatch.Path)] {
        switch self {
        case .pull, .through: [("GET", .manifests), ("GET", .blobs)]
        case .push: [("POST", .uploads), ("PUT", .uploads), ("PUT", .manifests)]
        case .tags: [("GET", .tags)]
        case .token: [(nil, .token)]
        }
    }
}

/// An image and a registry for one case, and what must come of it.
struct NetworkWork: Sendable {
    static let name: RepositoryName = "up/app"
    static let image = SampleImage.image(layers: [.init(seed: 4711, size: 300_000)])
    static let tags: [TagName] = ["a", "b", "c", "d", "e"]

    let registry: ScriptedRegistry
    /// For what goes through one.
    let cache: ContentCache?

    /// - Returns: whether what came is what there was.
    func run(_ operation: NetworkOperation, _ client: RegistryClient) async throws -> Bool {
        let location = RepositoryReference(host: registry.host, repository: Self.name)
        let source = client.repository(location, for: .pull)
        switch operation {
        case .pull: return try await pull(source)
        case .push: return try await push(client.repository(location, for: .push))
        case .tags, .token:
            // That there is no such repository is the registry's to say.
            guard let tags = try await source.tags() else { throw NetworkAbsence() }
            return tags == Self.tags
        case .through: return try await pullThrough(source)
        }
    }

    private var layer: SampleImage.Part { Self.image.blobs[1] }

    private func pull(_ source: Repository) async throws -> Bool {
        guard let manifest = try await source.manifest(.tag("a")) else { throw NetworkAbsence() }
        var bytes = ByteBuffer()
        try await source.readBlob(layer.descriptor, from: 0) { bytes.writeImmutableBuffer($0) }
        // Whoever takes a blob's bytes compares them with its digest, as the cache does.
        guard Digest.of(bytes, algorithm: .sha256) == layer.descriptor.digest else { throw NetworkAbsence() }
        return manifest.bytes == Self.image.topBytes
    }

    private func push(_ target: Repository) async throws -> Bool {
        let manifest = try Manifest(bytes: Self.image.topBytes, contentType: Self.image.top.mediaType)
        for blob in Self.image.blobs { _ = try await target.store(NetworkReader(blob)) }
        try await target.store(manifest, as: "pushed")
        return registry.store.holds(Self.image, repository: Self.name)
            && registry.store.digest(of: "pushed", in: Self.name) == Self.image.digest
    }

    private func pullThrough(_ source: Repository) async throws -> Bool {
        let manifest = try await source.manifest(Self.image.top)
        guard let blob = try await cache?.follow(layer.descriptor, from: source) else { return false }
        var bytes = ByteBuffer()
        while bytes.readableBytes < layer.source.count {
            do {
                let piece = try await blob.read(at: Int64(bytes.readableBytes), atMost: 1 << 20)
                guard piece.readableBytes > 0 else { break }
                bytes.writeImmutableBuffer(piece)
            } catch let error as CacheError where error.kind == .restarted {
                // What every reader does: what it had was wrong.
                bytes.clear()
            }
        }
        return manifest.bytes == Self.image.topBytes && bytes == layer.source.buffer
    }
}

/// A registry says that something is not there, or gives something else: its caller notices, and decides what that means.
struct NetworkAbsence: Error {}

private struct NetworkReader: BlobReader {
    let source: ByteSource
    let descriptor: Descriptor

    init(_ part: SampleImage.Part) {
        source = part.source
        descriptor = part.descriptor
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        source.read(at: Int(offset), count: count)
    }
}
