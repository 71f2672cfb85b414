import Cache
import Concurrency
import OCI
import Synchronization

/// What this run knows of its targets: which repository holds which content.
///
/// Several images need the same blob at one registry at the same time; the first sends it, the others wait for the
/// outcome, and another repository then takes it over by a mount. What was pushed, mounted or found is not asked for
/// again.
final class KnownContent: Sendable {
    /// Registries keep blobs and manifests apart: what is there as the one may be lacking as the other.
    enum Kind: Hashable, Sendable {
        case blob
        case manifest
    }

    /// What a manifest gives another size is something else: that one is right says nothing of the other.
    private struct Copy: Hashable {
        let repository: RepositoryReference
        let digest: Digest
        let size: Int64
        let kind: Kind

        init(_ content: Descriptor, _ kind: Kind, in repository: RepositoryReference) {
            self.repository = repository
            self.kind = kind
            (digest, size) = (content.digest, content.size)
        }

        var place: Place { Place(host: repository.host, digest: digest, size: size, kind: kind) }
    }

    /// One piece of content at one registry: there is one sender at a time.
    private struct Place: Hashable {
        let host: RegistryHost
        let digest: Digest
        let size: Int64
        let kind: Kind
    }

    private struct State {
        var present: Set<Copy> = []
        /// Blobs that this run has sent itself.
        var sent: Set<Copy> = []
        /// Blobs that the registry says it has taken over from another repository.
        var mounted: Set<Copy> = []
        var homes: [Place: [RepositoryName]] = [:]
    }

    /// What a tag of a target is given.
    struct Gift: Hashable {
        let place: Names.Place
        let digest: Digest
    }

    /// What giving tags came to: several tags of a source may be one at a target, which is given once.
    let gifts = SingleFlight<Gift, TagGift>()
    /// The lists of what refers to content.
    let referrerIndexes = ReferrerIndexes()
    /// The tags of sources, among which what refers to content is kept, where no plan has listed them.
    let referrerTags = ReferrerTags.Listings()
    private let senders = KeyedLock<Place>()
    private let state = Mutex(State())

    /// Makes sure that the repository holds the content, calling `send` unless that is known already.
    ///
    /// While another task sends it to the same registry, this one waits; when that attempt fails, it makes its
    /// own.
    ///
    /// - Returns: what `send` returned, or `.alreadyThere`.
    func ensure(
        _ content: Descriptor,
        as kind: Kind,
        in repository: RepositoryReference,
        send: () async throws -> StoreOutcome
    ) async throws -> StoreOutcome {
        if isKnown(content, as: kind, in: repository) { return .alreadyThere }
        let copy = Copy(content, kind, in: repository)
        return try await senders.withLock(copy.place) {
            if isKnown(content, as: kind, in: repository) { return .alreadyThere }
            let outcome = try await send()
            // Before it is known to be there: whoever forgets it meanwhile spares what has been sent.
            if kind == .blob { note(outcome, of: copy) }
            note(content, as: kind, in: repository)
            return outcome
        }
    }

    private func note(_ outcome: StoreOutcome, of copy: Copy) {
        state.withLock { state in
            switch outcome {
            case .stored: state.sent.insert(copy)
            case .mounted: state.mounted.insert(copy)
            case .alreadyThere: break
            }
        }
    }

    func isKnown(_ content: Descriptor, as kind: Kind, in repository: RepositoryReference) -> Bool {
        state.withLock { $0.present.contains(Copy(content, kind, in: repository)) }
    }

    /// Another repository of the same registry that holds the blob, to mount it from.
    func home(of blob: Descriptor, near repository: RepositoryReference) -> RepositoryName? {
        let place = Copy(blob, .blob, in: repository).place
        return state.withLock { $0.homes[place]?.first { $0 != repository.repository } }
    }

    /// Notes that the repository holds the content.
    func note(_ content: Descriptor, as kind: Kind, in repository: RepositoryReference) {
        let copy = Copy(content, kind, in: repository)
        state.withLock { state in
            guard state.present.insert(copy).inserted else { return }
            state.homes[copy.place, default: []].append(repository.repository)
        }
    }

    /// The blobs of an image that the repository's registry has said in this run it takes over from another, also those that were
    /// sent since.
    func mounted(of graph: ImageGraph, in repository: RepositoryReference) -> Set<Digest> {
        let blobs = graph.blobs.map { Copy($0, .blob, in: repository) }
        return state.withLock { state in Set(blobs.filter(state.mounted.contains).map(\.digest)) }
    }

    /// Forgets what is known of an image's parts in the repository, because its registry said otherwise; of the blobs
    /// perhaps only what this run has not sent itself, of all perhaps only some.
    ///
    /// Where one mount has brought nothing, none has.
    func forget(
        _ graph: ImageGraph,
        in repository: RepositoryReference,
        sparingSent: Bool,
        only parts: Set<Digest>? = nil
    ) {
        let manifests = (graph.children + [graph.top]).map { Copy($0.descriptor, .manifest, in: repository) }
        let blobs = graph.blobs.map { Copy($0, .blob, in: repository) }
        let isNamed = { (copy: Copy) in parts?.contains(copy.digest) ?? true }
        state.withLock { state in
            let areMountsLost = blobs.contains { isNamed($0) && state.mounted.contains($0) }
            for copy in manifests + blobs where isNamed(copy) || areMountsLost && state.mounted.contains(copy) {
                if sparingSent, state.sent.contains(copy) { continue }
                state.present.remove(copy)
                state.homes[copy.place]?.removeAll { $0 == repository.repository }
            }
        }
    }
}
