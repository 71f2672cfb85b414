import Concurrency
import NIOCore
import OCI

/// The manifests that a run has read from its sources: what several tags and targets need is asked for once.
///
/// Only so many bytes are kept; what has been dropped is read again.
final class ReadManifests: Sendable {
    fileprivate enum Name: Hashable {
        case content(Descriptor)
        case reference(Reference)
    }

    private struct Question: Hashable {
        let source: RepositoryReference
        let name: Name
    }

    private let answers: SingleFlight<Question, Manifest?>

    /// - Parameter capacity: how many bytes of manifests are kept.
    init(capacity: Int = 8 << 20) {
        answers = SingleFlight(capacity: capacity) { 256 + ($0?.bytes.readableBytes ?? 0) }
    }

    /// A source whose manifests are read through this.
    func through(_ source: any ImageSource) -> any ImageSource {
        source.isCache ? source : SharedSource(source: source, manifests: self)
    }

    fileprivate func read(
        _ name: Name,
        of source: RepositoryReference,
        _ ask: () async throws -> Manifest?
    ) async throws -> Manifest? {
        // What is not there may come.
        try await answers.value(for: Question(source: source, name: name), isGood: { $0 != nil }, fetch: ask)
    }
}

/// A source whose manifests others read as well.
private struct SharedSource: ImageSource {
    let source: any ImageSource
    let manifests: ReadManifests

    var location: RepositoryReference { source.location }
    var place: String { source.place }
    var origin: RepositoryReference? { source.origin }
    var isHeldBack: Bool { source.isHeldBack }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        let manifest = try await manifests.read(.content(descriptor), of: location) {
            try await source.manifest(descriptor)
        }
        guard let manifest else { throw source.absence(of: .digest(descriptor.digest)) }
        return manifest
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        try await manifests.read(.reference(reference), of: location) { try await source.manifest(reference) }
    }

    func resolve(_ reference: Reference) async throws -> Descriptor? { try await source.resolve(reference) }

    func tags() async throws -> [TagName]? { try await source.tags() }

    func listing() async throws -> TagList? { try await source.listing() }

    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        try await source.referrers(of: digest)
    }

    func blobSize(_ digest: Digest) async throws -> Int64? { try await source.blobSize(digest) }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        try await source.readBlob(descriptor, from: offset, ahead: scratch, deliver: deliver)
    }

    func wasRight(_ digest: Digest) { source.wasRight(digest) }

    func hasAlternative(for digest: Digest) -> Bool { source.hasAlternative(for: digest) }
}
