import NIOCore
import OCI
import Synchronization

/// What copying one tag costs, as far as it can be told without copying.
package struct CopyCost: Hashable, Sendable {
    /// How it is known; the raw values stand in documents.
    package enum Basis: String, CaseIterable, Sendable {
        /// The image's manifests were read, or are in the cache: exact.
        case manifests
        /// The source's listing tells sizes; what the cache or the target holds of them is not subtracted.
        case listing
        /// Nothing tells; only the manifests are counted that will be read at least.
        case unknown
    }

    package var basis: Basis
    /// How many manifests are to be read from the source; Docker Hub counts these as pulls.
    package var manifests: Int
    /// Bytes that the cache lacks.
    package var download: Int64 = 0
    /// Bytes that the target lacks and cannot mount.
    package var push: Int64 = 0
    /// Bytes that the target takes over from another of its repositories.
    package var mount: Int64 = 0

    init(_ basis: Basis, manifests: Int = 0) {
        self.basis = basis
        self.manifests = manifests
    }

    /// What the source's listing tells of the images that are wanted; `nil` when that is not enough.
    init?(of listed: ListedTag, _ platforms: [PlatformPattern]) {
        let wanted = listed.images(for: platforms)
        let sizes = wanted.compactMap(\.size)
        guard !sizes.isEmpty, sizes.count == wanted.count else { return nil }
        self.init(.listing)
        download = sizes.reduce(0, +)
        push = download
    }
}

extension ListedTag {
    /// The manifests of the images that are wanted, below the topmost; what is no index is listed as its own only image.
    func manifests(for platforms: [PlatformPattern]) -> [Reference] {
        images(for: platforms).map(\.digest).filter { $0 != digest }.map(Reference.digest)
    }

    fileprivate func images(for platforms: [PlatformPattern]) -> [ListedImage] {
        images.filter { image in
            platforms.isEmpty || image.platform.map { offered in platforms.contains { $0.matches(offered) } } ?? false
        }
    }
}

/// A source whose manifests are counted, and read only where that is wanted.
final class CountedSource: ContentSource {
    /// A manifest would have to be read.
    struct Unread: Error {}

    private let source: any ImageSource
    private let reads: Bool
    private let questions = Mutex<Set<Reference>>([])

    init(_ source: any ImageSource, reads: Bool) {
        self.source = source
        self.reads = reads
    }

    var place: String { source.place }
    var origin: RepositoryReference? { source.origin }
    /// The manifests that were asked for.
    var asked: Set<Reference> { questions.withLock { $0 } }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard reads else { throw Unread() }
        questions.withLock { _ = $0.insert(.digest(descriptor.digest)) }
        return try await source.manifest(descriptor)
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard reads else { throw Unread() }
        try await source.readBlob(descriptor, from: offset, ahead: scratch, deliver: deliver)
    }

    func wasRight(_ digest: Digest) { source.wasRight(digest) }
}
