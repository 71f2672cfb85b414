package import Cache
import NIOCore
package import OCI
package import TestSupport

extension ContentCache {
    /// Stores an image as a mirror run does.
    package func load(_ image: SampleImage, as reference: ImageReference) async throws {
        let source = ImageBlobs(image: image)
        for blob in image.blobs { try await follow(blob.descriptor, from: source).whenCommitted() }
        for part in image.manifests {
            let manifest = try Manifest(
                bytes: part.source.buffer,
                contentType: part.descriptor.mediaType,
                algorithm: part.descriptor.digest.algorithm
            )
            try await store(manifest, from: nil)
        }
        guard let tag = reference.tag else { return }
        try await names.record(tag, of: reference.location, as: image.top)
    }
}

/// The blobs of an image, to be stored.
private struct ImageBlobs: ContentSource {
    struct Unknown: Error {}

    let image: SampleImage
    var place: String { "registry.example.com/app" }
    var origin: RepositoryReference? { try? RepositoryReference(place) }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest { throw Unknown() }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead _: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard let part = image.blobs.first(where: { $0.descriptor == descriptor }) else { throw Unknown() }
        var offset = Int(offset)
        while offset < part.source.count {
            let piece = part.source.read(at: offset, count: 1 << 20)
            try await deliver(piece)
            offset += piece.readableBytes
        }
    }
}
