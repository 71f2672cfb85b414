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

    private struct Copy: Hashable {
        let repository: RepositoryReference
        let digest: Digest
        let kind: Kind

        var place: Place { Place(host: repository.host, digest: digest, kind: kind) }
    }

    private struct Place: Hashable {
        let host: RegistryHost
        let digest: Digest
        let kind: Kind
    }

    /// One piece of content at one registry has one sender at a time; where a manifest gives it another size, one of its own:
    /// neither decides about the other.
    private struct Sending: Hashable {
        let place: Place
        let size: Int64
    }

    private struct State {
        var present: Set<Copy> = []
        /// Blobs that this run has sent itself.
        var sent: Set<Copy> = []
        var homes: [Place: [RepositoryName]] = [:]
    }

    /// The lists of what refers to content.
    let referrerIndexes = ReferrerIndexes()
    /// The tags under which sources keep what refers to content, where no plan has listed them.
    let referrerTags = SingleFlight<RepositoryReference, ReferrerTags>()
    private let senders = KeyedLock<Sending>()
    private let state = Mutex(State())

    /// Makes sure that the repository holds the content, calling `send` unless that is known already.
    ///
    /// While another task sends it to the same registry, this one waits; when that attempt fails, it makes its
    /// own.
    ///
    /// - Returns: what `send` returned, or `.alreadyThere`.
    func ensure(
        _ descriptor: Descriptor,
        as kind: Kind,
        in repository: RepositoryReference,
        send: () async throws -> StoreOutcome
    ) async throws -> StoreOutcome {
        let digest = descriptor.digest
        if isKnown(digest, as: kind, in: repository) { return .alreadyThere }
        let copy = Copy(repository: repository, digest: digest, kind: kind)
        return try await senders.withLock(Sending(place: copy.place, size: descriptor.size)) {
            if isKnown(digest, as: kind, in: repository) { return .alreadyThere }
            let outcome = try await send()
            note(digest, as: kind, in: repository)
            if kind == .blob, case .stored = outcome { state.withLock { _ = $0.sent.insert(copy) } }
            return outcome
        }
    }

    func isKnown(_ digest: Digest, as kind: Kind, in repository: RepositoryReference) -> Bool {
        state.withLock { $0.present.contains(Copy(repository: repository, digest: digest, kind: kind)) }
    }

    /// Another repository of the same registry that holds the blob, to mount it from.
    func home(of blob: Digest, near repository: RepositoryReference) -> RepositoryName? {
        state.withLock { state in
            state.homes[Place(host: repository.host, digest: blob, kind: .blob)]?.first { $0 != repository.repository }
        }
    }

    /// Notes that the repository holds the digest.
    func note(_ digest: Digest, as kind: Kind, in repository: RepositoryReference) {
        let copy = Copy(repository: repository, digest: digest, kind: kind)
        state.withLock { state in
            guard state.present.insert(copy).inserted else { return }
            state.homes[copy.place, default: []].append(repository.repository)
        }
    }

    /// Forgets what is known of an image's parts in the repository, because its registry said otherwise; of the blobs
    /// perhaps only what this run has not sent itself.
    func forget(_ graph: ImageGraph, in repository: RepositoryReference, sparingSent: Bool) {
        let manifests = (graph.children + [graph.top]).map { (digest: $0.descriptor.digest, kind: Kind.manifest) }
        let blobs = graph.blobs.map { (digest: $0.digest, kind: Kind.blob) }
        state.withLock { state in
            for part in manifests + blobs {
                let copy = Copy(repository: repository, digest: part.digest, kind: part.kind)
                if sparingSent, state.sent.contains(copy) { continue }
                state.present.remove(copy)
                state.homes[copy.place]?.removeAll { $0 == repository.repository }
            }
        }
    }
}
