import Cache
import NIOCore
import OCI

/// A repository as the cache holds it, for runs that ask no upstream.
///
/// Its tags are those that a sync or an import has recorded. What a tag points at is what was mirrored of it, so it may
/// lack platforms that upstream has.
struct CachedSource: ImageSource {
    /// How much of a blob is read at a time, in bytes.
    private static let pieceSize = 256 << 10

    let location: RepositoryReference
    let cache: ContentCache

    var place: String { "the cache in \(cache.path.displaySafe)" }
    var origin: RepositoryReference? { nil }
    var isCache: Bool { true }

    func tags() async throws -> [TagName]? { try await listing()?.tags.map(\.name) }

    /// All tags of the repository with their digests, sorted.
    func listing() async throws -> TagList? {
        let held = try await cache.names.tags(of: location).map { ListedTag(name: $0, digest: $1.digest) }
        return held.isEmpty ? nil : TagList(held)
    }

    func resolve(_ reference: Reference) async throws -> Descriptor? {
        try await cache.names.resolve(reference, in: location)
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        guard let descriptor = try await resolve(reference) else { return nil }
        return try await manifest(descriptor)
    }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let manifest = try cache.manifest(descriptor) else { throw absence(of: .digest(descriptor.digest)) }
        return manifest
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead _: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard let blob = try cache.blob(descriptor) else { throw absence(of: .digest(descriptor.digest)) }
        var offset = offset
        while offset < descriptor.size {
            let piece = try await blob.read(at: offset, atMost: Self.pieceSize)
            offset += Int64(piece.readableBytes)
            try await deliver(piece)
        }
    }

    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        .known(try await cache.referrers.here(of: digest, in: location).map { ReferrerEntry(descriptor: $0) })
    }

    func blobSize(_ digest: Digest, named _: Int64?) async throws -> Int64? {
        try cache.blobFile(digest)?.size
    }
}
