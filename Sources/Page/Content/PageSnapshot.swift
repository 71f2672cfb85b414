import Cache
import OCI
import Synchronization

/// What the cache held at one moment, arranged as the page shows it.
final class PageSnapshot: Sendable {
    /// A repository with its images.
    struct Repository: Sendable {
        let reference: RepositoryReference
        /// As clients name it.
        let name: String
        /// The newest first, as far as their tags tell.
        let images: [Image]

        var tagCount: Int { images.reduce(0) { $0 + $1.tags.count } }
        /// Of its images in full: what they share counts for each.
        var bytes: Int64 { images.reduce(0) { $0 + $1.bytes } }
        var lastUse: Int64 { images.reduce(0) { max($0, $1.lastUse) } }

        /// Whether that is its name, with `:` or `_` before a port.
        func isNamed(_ text: String) -> Bool { name == text || reference.description == text }

        /// The image with a tag or digest.
        func image(named text: String) -> Image? {
            images.first { image in
                image.digest.description == text || image.tags.contains { $0.description == text }
            }
        }
    }

    /// One image of a repository, by whatever tags.
    struct Image: Sendable {
        let digest: Digest
        /// The newest first; empty when clients asked for it by its digest alone.
        var tags: [TagName]
        /// All that is here of it.
        let bytes: Int64
        /// In seconds since 1970.
        let lastUse: Int64
    }

    let usage: CacheUsage
    let freeBytes: Int64?
    /// Sorted by name.
    let repositories: [Repository]
    let support: PageSource.Support
    /// In seconds since 1970.
    let takenAt: Int64
    private let details = Mutex<[Digest: ImageDetails]>([:])
    private let readDetails: @Sendable ([Digest]) async throws -> [Digest: ImageDetails]
    /// Of some images, the bytes that nothing else needs now.
    let bytesAlone: @Sendable ([Digest]) async throws -> [Digest: Int64]
    private let findIncomplete: @Sendable ([Digest]) async throws -> Set<Digest>

    init(_ source: PageSource) async throws {
        takenAt = source.now()
        let overview = try await source.overview()
        usage = overview.usage
        freeBytes = overview.freeBytes
        repositories = Self.repositories(overview.images)
        support = await source.support()
        readDetails = source.details
        findIncomplete = source.incomplete
        bytesAlone = source.bytesAlone
    }

    /// What some images' documents say; each is read once at most.
    func details(of digests: [Digest]) async throws -> [Digest: ImageDetails] {
        let known = details.withLock { $0 }
        let missing = Array(Set(digests.filter { known[$0] == nil }))
        guard !missing.isEmpty else { return known }
        var found = try await readDetails(missing)
        for digest in missing where found[digest] == nil { found[digest] = ImageDetails() }
        return details.withLock { details in
            details.merge(found) { _, new in new }
            return details
        }
    }

    /// Those of some images of which something is not here now.
    func incomplete(_ digests: [Digest]) async throws -> Set<Digest> { try await findIncomplete(digests) }

    private static func repositories(_ images: [CacheOverview.Image]) -> [Repository] {
        var byLocation: [RepositoryReference: [Image]] = [:]
        for image in images {
            for (location, references) in Dictionary(grouping: image.references, by: \.location) {
                let tags = TagRank.sorted(references.compactMap(\.tag)) { $0 }
                byLocation[location, default: []].append(
                    Image(
                        digest: image.digest,
                        tags: tags,
                        bytes: image.bytes,
                        lastUse: image.lastUse
                    )
                )
            }
        }
        return byLocation.map { location, images in
            Repository(
                reference: location,
                name: location.listedName,
                images: TagRank.sorted(images.sorted { $0.digest < $1.digest }, by: \.tags.first)
            )
        }
        .sorted { $0.name < $1.name }
    }
}
