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
        /// The newest versions first, as far as their tags tell.
        let images: [Image]
    }

    /// One image of a repository, by whatever tags.
    struct Image: Sendable {
        let digest: Digest
        /// The newest version first; empty when clients asked for it by its digest alone.
        let tags: [TagName]
        let uniqueBytes: Int64
        let sharedBytes: Int64
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

    init(_ source: PageSource) async throws {
        takenAt = source.now()
        let overview = try await source.overview()
        usage = overview.usage
        freeBytes = overview.freeBytes
        repositories = Self.repositories(overview.images)
        support = await source.support()
        readDetails = source.details
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

    private static func repositories(_ images: [CacheOverview.Image]) -> [Repository] {
        var byLocation: [RepositoryReference: [Image]] = [:]
        for image in images {
            for (location, references) in Dictionary(grouping: image.references, by: \.location) {
                let tags = references.compactMap(\.tag).sorted { VersionOrder.isNewer($0.description, $1.description) }
                byLocation[location, default: []].append(
                    Image(
                        digest: image.digest,
                        tags: tags,
                        uniqueBytes: image.uniqueBytes,
                        sharedBytes: image.sharedBytes,
                        lastUse: image.lastUse
                    )
                )
            }
        }
        return byLocation.map { location, images in
            Repository(
                reference: location,
                name: location.listedName,
                images: images.sorted(by: precedes)
            )
        }
        .sorted { $0.name < $1.name }
    }

    private static func precedes(_ left: Image, _ right: Image) -> Bool {
        switch (left.tags.first, right.tags.first) {
        case (let left?, let right?): VersionOrder.isNewer(left.description, right.description)
        case (nil, nil): left.digest < right.digest
        case (let tag, nil): tag != nil
        case (nil, _?): false
        }
    }
}

/// An order of tags for people: numbers in them count as numbers, the highest first.
enum VersionOrder {
    static func isNewer(_ left: String, _ right: String) -> Bool {
        var left = left.utf8[...]
        var right = right.utf8[...]
        while let a = left.first, let b = right.first {
            if a.isDecimalDigit, b.isDecimalDigit {
                let (number, other) = (takeNumber(&left), takeNumber(&right))
                if number.count != other.count { return number.count > other.count }
                if !number.elementsEqual(other) { return other.lexicographicallyPrecedes(number) }
            } else {
                if a != b { return a > b }
                left.removeFirst()
                right.removeFirst()
            }
        }
        // 3.21.3 before 3.21, and that before 3.21-slim.
        return switch (left.first, right.first) {
        case (nil, let next?): next < UInt8(ascii: ".")
        case (let next?, nil): next >= UInt8(ascii: ".")
        default: false
        }
    }

    /// The digits at the beginning, without zeros before them.
    private static func takeNumber(_ text: inout Substring.UTF8View) -> Substring.UTF8View {
        let end = text.firstIndex { !$0.isDecimalDigit } ?? text.endIndex
        let digits = text[..<end].drop { $0 == UInt8(ascii: "0") }
        text = text[end...]
        return digits
    }
}

extension UInt8 {
    fileprivate var isDecimalDigit: Bool { (0x30...0x39).contains(self) }
}
