import Cache
import NIOCore
import OCI
import Registry

/// A repository as far as the cache holds it: a source that asks nobody.
struct HeldImages: ImageSource {
    /// Something that the cache does not hold.
    struct Missing: Error {
        let digest: Digest
    }

    let location: RepositoryReference
    let cache: ContentCache

    var place: String { "\(location)" }

    func tags() async throws -> TagListing {
        .found(try await cache.tags(of: location).map(\.0))
    }

    func resolve(_ reference: Reference) async throws -> Descriptor? {
        try await cache.resolve(reference, in: location)
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        guard let descriptor = try await resolve(reference) else { return nil }
        return try cache.manifest(descriptor)
    }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let manifest = try cache.manifest(descriptor) else { throw Missing(digest: descriptor.digest) }
        return manifest
    }

    func listedReferrers(of digest: Digest) async throws -> [Descriptor]? {
        try await cache.referrers(of: digest)
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        throw Missing(digest: descriptor.digest)
    }

    func hasAlternative(for digest: Digest) -> Bool { false }
}
