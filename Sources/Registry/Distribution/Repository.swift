package import NIOCore
import NIOHTTP1
package import OCI
import Synchronization

/// One repository of one registry, to read from and, where it was asked for, to write to.
///
/// All its operations are safe to repeat. Besides what they document they throw ``RegistryError`` and
/// `CancellationError`.
package struct Repository: ImageSource, ImageTarget {
    package let location: RepositoryReference
    package let access: Access
    let client: HostClient
    /// Lists its tags with dates and digests, where Docker Hub's API does.
    let hub: HubAPI?
    /// Which registry is meant, where somebody else is read in its place.
    var namespace: RegistryHost?
    private var hasAlternative = false

    init(location: RepositoryReference, access: Access, client: HostClient, hub: HubAPI?) {
        self.location = location
        self.access = access
        self.client = client
        self.hub = hub
    }

    package var place: String { location.description }
    package var origin: RepositoryReference? { location }
    package var isHeldBack: Bool { client.transport.pauses.lasts(at: location.host) }

    /// The beginning of an operation.
    func context(_ action: RegistryError.Action, of blob: Digest? = nil) -> CallContext {
        var context = client.retry.context(action, location, hasAlternative: hasAlternative)
        context.subject = blob?.description
        return context
    }

    /// The same repository for whoever can ask somebody else at once.
    ///
    /// It is not waited for when it wants no requests for a time (`Retry-After`), and only once when it gives no sign.
    package var asAlternative: Repository {
        var repository = self
        repository.hasAlternative = true
        return repository
    }

    /// The longest time that is waited for it when it wants no requests.
    package var patience: Duration { client.retry.policy.maximumRetryAfter }

    /// A request below `/v2/<name>/`.
    func request(
        _ context: CallContext,
        _ method: HTTPMethod,
        _ path: String,
        query: String? = nil
    ) -> HTTPRequest {
        request(context, method, to: .path("\(location.repository)/\(path)", query: query))
    }

    /// A request to where the registry has sent us.
    func request(_ context: CallContext, _ method: HTTPMethod, to target: HTTPRequest.Target) -> HTTPRequest {
        var request = HTTPRequest(context: context, method: method, target: target)
        request.scope = Scope(repository: location.repository, access: access)
        request.namespace = namespace
        request.lane = lane
        return request
    }

    private var lane: Lane { access == .push ? .write : .read }

    /// How many requests its host takes at a time where it is far; `nil` where it is not, or has not answered well yet.
    package var room: Int? { client.room(lane) }
}

// MARK: Reading

extension Repository {
    /// All tags of the repository.
    ///
    /// OCI distribution-spec 1.1.1, end-8a and end-8b. A page that fails fails the whole: a listing that was cut short
    /// would look like one whose tags have been deleted. Names that are no tags are dropped, with one warning.
    package func tags() async throws -> [TagName]? { try await TagPages.list(of: self, isWhole: true)?.names }

    /// The tags by Docker Hub's API where there is one; when that fails by the registry itself, with a warning.
    package func listing() async throws -> TagList? {
        guard let listing = hub.flatMap({ HubListing($0, location) }) else {
            return try await tags().map { TagList(names: $0) }
        }
        do {
            return TagList(try await listing.tags())
        } catch let error as RegistryError {
            guard var list = try await tags().map({ TagList(names: $0) }) else { return nil }
            list.warnings = ["Docker Hub's API does not list the tags, so the registry does, without dates: \(error)"]
            return list
        }
    }

    package func firstTags() async throws -> FirstTags? { try await TagPages.list(of: self, isWhole: false) }

    /// What a reference stands for at the moment, without fetching it.
    ///
    /// OCI distribution-spec 1.1.1, end-3 with HEAD; GET where HEAD is refused or says too little. A source is asked by
    /// GET also before something is called absent: some registries know HEAD for some things only.
    ///
    /// - Returns: `nil` when there is no such manifest.
    package func resolve(_ reference: Reference) async throws -> Descriptor? {
        try await ManifestQuestion(self, reference, .resolve).descriptor()
    }

    /// The same, by GET where HEAD names a single image under a tag and is not believed.
    ///
    /// HEAD is believed that has named an index before, and else is compared with GET, once a host unless the doubt is likely.
    package func resolve(
        _ reference: Reference,
        doubting doubt: (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest? {
        guard let told = try await ManifestQuestion(self, reference, .resolve).told() else { return nil }
        let word = client.headWord
        guard case .tag = reference, told.manifest == nil, !told.descriptor.mediaType.isIndex, !word.namesIndexes else {
            return told
        }
        let given = try await word.reading(instead: told.descriptor, doubt(told.descriptor)) {
            try await manifest(reference)
        }
        return given.map { ToldManifest($0) } ?? told
    }

    /// What a reference stands for of which HEAD knows nothing: some registries answer it with 404 whatever is there.
    ///
    /// For those that do not list their tags: nothing else tells whether there are any that HEAD could know.
    ///
    /// A host whose GET has once said the same is not asked so again.
    package func resolveByReading(_ reference: Reference) async throws -> Descriptor? {
        guard !client.trustsHEAD.load(ordering: .relaxed) else { return nil }
        let found = try await manifest(reference)?.descriptor
        if found == nil { client.trustsHEAD.store(true, ordering: .relaxed) }
        return found
    }

    /// The manifest that a reference stands for.
    ///
    /// OCI distribution-spec 1.1.1, end-3. The digest is computed from the bytes; what the registry says of it, and
    /// the reference if it is a digest, must agree.
    ///
    /// - Returns: `nil` when there is no such manifest.
    package func manifest(_ reference: Reference) async throws -> Manifest? {
        try await ManifestQuestion(self, reference, .readManifest).manifest()
    }

    package func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        let question = ManifestQuestion(self, .digest(descriptor.digest), .readManifest, expected: descriptor)
        guard let manifest = try await question.manifest() else { throw question.context.error(.notFound, "") }
        return manifest
    }

    /// What refers to a manifest, as the registry's own interface lists it.
    ///
    /// OCI distribution-spec 1.1.1, end-12a, all pages.
    ///
    /// - Returns: `nil` when the registry has no such interface; an empty list for what nothing refers to.
    package func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        try await ReferrerPages(self).all(of: digest)
    }

    package func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        var download = BlobDownload(descriptor: descriptor, offset: offset, ahead: scratch, repository: self)
        try await download.run(deliver)
    }

    /// Whether the repository holds the blob, with the size that its descriptor says.
    ///
    /// OCI distribution-spec 1.1.1, end-2 with HEAD; where that is refused, a GET whose body is not read.
    package func contains(_ descriptor: Descriptor) async throws -> Bool {
        try await BlobQuestion(self, descriptor.digest).isThere(size: descriptor.size)
    }

    /// The size of a blob by its digest alone, in bytes.
    ///
    /// OCI distribution-spec 1.1.1, end-2 with HEAD; where that knows nothing, is refused or says too little, a GET of one
    /// byte; where that is refused too, a GET whose body is not read.
    ///
    /// - Returns: `nil` when there is no such blob.
    package func blobSize(_ digest: Digest, named: Int64?) async throws -> Int64? {
        try await BlobQuestion(self, digest).size(named: named)
    }

    /// Asks a question whose refusal is no failure: `try await target.asking { try await $0.tags() }`.
    ///
    /// - Throws: what is no refusal: that there is no connection, a rate limit, `CancellationError`.
    package func asking<Answer: Sendable>(
        _ question: (any ImageTarget) async throws -> Answer
    ) async throws -> Knowledge<Answer> {
        do {
            return .known(try await question(self))
        } catch let error as RegistryError where error.isRefusalToTell {
            return .unknown(error)
        }
    }
}

// MARK: Writing

extension Repository {
    /// Stores a manifest; whether the registry lists it among its subject's referrers it says itself (`OCI-Subject`).
    ///
    /// OCI distribution-spec 1.1.1, end-7 and "Pushing Manifests with Subject". Where the registry does not say what it has
    /// taken, it is asked what it shows.
    @discardableResult
    package func store(_ manifest: Manifest, as tag: TagName?) async throws -> ManifestOutcome {
        switch try await ManifestPush(manifest, as: tag, to: self).run() {
        case .held: return .alreadyThere
        case .seen: return .stored(isListed: nil)
        case .taken(let response):
            let subject = response.header("OCI-Subject").flatMap { try? Digest($0) }
            return .stored(isListed: subject != nil && subject == manifest.subject?.digest)
        }
    }

    package func store(_ blob: any BlobReader) async throws -> StoreOutcome {
        try await store(blob, mountFrom: nil)
    }

    /// Stores a blob, by mounting it where another repository of the registry is known to hold it.
    ///
    /// What has been mounted here before is sent: who asks again has found that it is not there. What the reader throws is
    /// thrown as it is.
    package func store(_ blob: any BlobReader, mountFrom source: RepositoryName?) async throws -> StoreOutcome {
        let digest = blob.descriptor.digest
        var session: UploadPlace?
        if let source, source != location.repository,
            client.mounts.mayBring(digest, from: source, to: location.repository),
            let answer = try await mount(digest, from: source)
        {
            if !UploadPlace.isNeeded(for: digest, after: answer) {
                client.mounts.brought(digest, from: source, to: location.repository)
                client.isThere(location.repository)
                return .mounted(from: source)
            }
            session = try? UploadPlace(answer, context(.mountBlob, of: digest))
        }
        var upload = BlobUpload(blob: blob, place: session, repository: self)
        return .stored(bytes: try await upload.run())
    }

    /// Asks the registry to take a blob over from another of its repositories.
    ///
    /// OCI distribution-spec 1.1.1, end-11. Best effort: whatever goes wrong leads to a plain upload, in the session
    /// that the registry opened instead, if it did.
    private func mount(_ digest: Digest, from source: RepositoryName) async throws -> HTTPResponse? {
        let query = "mount=\(digest.description.percentEncoded)&from=\(source.description.percentEncoded)"
        let context = context(.mountBlob, of: digest)
        var request = abandoning(request(context, .POST, "blobs/uploads/", query: query))
        request.scope = Scope(repository: location.repository, access: access, source: source)
        request.accepted = [201, 202]
        do {
            return try await client.attempt(request)
        } catch let error as RegistryError {
            client.mounts.failed(from: source, to: location.repository, error)
            return nil
        }
    }

    /// A request of which an upload that it opens is given up when nobody waits for the answer any more.
    func abandoning(_ request: HTTPRequest) -> HTTPRequest {
        var request = request
        request.whenLate = { [self, context = request.context] response in
            guard response.status == 202, let place = try? UploadPlace(response, context) else { return }
            await client.attemptBriefly(abandonment(of: place, context))
        }
        return request
    }

    /// What tells the registry that an upload is given up.
    func abandonment(of place: UploadPlace, _ context: CallContext) -> HTTPRequest {
        var request = request(context, .DELETE, to: .url(place.url))
        request.accepted = [200, 202, 204]
        return request
    }
}
