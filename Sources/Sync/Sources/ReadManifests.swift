import Cache
import Concurrency
import NIOCore
import OCI
import Registry

/// What a run has learnt from its sources about manifests: what several tags and targets need is asked for once.
///
/// Only so much is kept, and what a tag is only for a minute: upstream may move it, and remove what it was. What has been
/// dropped is asked for again.
final class ReadManifests: Sendable {
    fileprivate enum Name: Hashable {
        case content(Descriptor)
        case reference(Reference)
    }

    private struct Question: Hashable {
        let source: RepositoryReference
        let name: Name
    }

    private struct Subject: Hashable {
        let source: RepositoryReference
        let digest: Digest
    }

    private struct Dated<Value: Sendable>: Sendable {
        let value: Value?
        let time: Duration
    }

    private static let lifetime = Duration.seconds(60)

    private let timer: Timer
    private let answers: SingleFlight<Question, Dated<Manifest>>
    private let tellings: SingleFlight<Question, Dated<ToldManifest>>
    private let referrers = SingleFlight<Subject, Knowledge<[ReferrerEntry]?>>()

    /// - Parameters:
    ///   - capacity: how many bytes of manifests are kept.
    ///   - clock: tells for how long.
    init(capacity: Int = 8 << 20, clock: any Clock<Duration> = ContinuousClock()) {
        timer = Timer(clock)
        answers = SingleFlight(capacity: capacity) { 256 + ($0.value?.bytes.readableBytes ?? 0) }
        tellings = SingleFlight(capacity: capacity) { 256 + ($0.value?.manifest?.bytes.readableBytes ?? 0) }
    }

    /// A source whose manifests are read through this.
    func through(_ source: any ImageSource) -> any ImageSource {
        source.isCache ? source : SharedSource(source: source, manifests: self)
    }

    /// Reads what is below a tag, and once more from the tag on where that is gone: it may have moved since it was read.
    ///
    /// `read` says what it has read of the tag itself.
    func rereading<Value>(
        _ reference: Reference,
        of source: RepositoryReference,
        _ read: (_ hasRead: (Manifest) -> Void) async throws -> Value
    ) async throws -> Value {
        var document: Digest?
        do {
            return try await read { document = $0.descriptor.digest }
        } catch let error as RegistryError where error.kind == .notFound {
            forget(reference, of: source, as: document)
            return try await read { _ in }
        }
    }

    /// Forgets that a reference stands for something, as it may have moved, but not what others have heard of it since.
    func forget(_ reference: Reference, of source: RepositoryReference, as digest: Digest?) {
        let question = Question(source: source, name: .reference(reference))
        answers.forget(question) { $0.value?.descriptor.digest == digest }
        tellings.forget(question) { $0.value?.descriptor.digest == digest }
    }

    fileprivate func read(
        _ name: Name,
        of source: RepositoryReference,
        _ ask: () async throws -> Manifest?
    ) async throws -> Manifest? {
        let question = Question(source: source, name: name)
        let isGood = { (answer: Dated<Manifest>) in self.isGood(answer, name) }
        return try await answers.value(for: question, isGood: isGood) {
            if let told = tellings.kept(question), self.isGood(told, name), let read = told.value?.manifest {
                return Dated(value: read, time: told.time)
            }
            return Dated(value: try await ask(), time: timer.now())
        }.value
    }

    /// What is not there may come.
    private func isGood<Value>(_ answer: Dated<Value>, _ name: Name) -> Bool {
        guard answer.value != nil else { return false }
        if case .content = name { return true }
        return timer.now() - answer.time < Self.lifetime
    }

    /// What a reference stands for, as it was read or told before.
    fileprivate func told(_ reference: Reference, of source: RepositoryReference) -> ToldManifest? {
        let question = Question(source: source, name: .reference(reference))
        if let read = answers.kept(question), isGood(read, question.name) { return read.value.map { ToldManifest($0) } }
        guard let told = tellings.kept(question), isGood(told, question.name) else { return nil }
        return told.value
    }

    fileprivate func tell(
        _ reference: Reference,
        of source: RepositoryReference,
        _ ask: () async throws -> ToldManifest?
    ) async throws -> ToldManifest? {
        if let told = told(reference, of: source) { return told }
        let question = Question(source: source, name: .reference(reference))
        let isGood = { (answer: Dated<ToldManifest>) in self.isGood(answer, question.name) }
        return try await tellings.value(for: question, isGood: isGood) {
            Dated(value: try await ask(), time: timer.now())
        }.value
    }

    fileprivate func refer(
        to digest: Digest,
        of source: RepositoryReference,
        _ ask: () async throws -> Knowledge<[ReferrerEntry]?>
    ) async throws -> Knowledge<[ReferrerEntry]?> {
        let isKnown = { (answer: Knowledge<[ReferrerEntry]?>) in if case .known = answer { true } else { false } }
        return try await referrers.value(for: Subject(source: source, digest: digest), isGood: isKnown, fetch: ask)
    }
}

/// A source whose manifests others read as well.
private struct SharedSource: ImageSource {
    let source: any ImageSource
    let manifests: ReadManifests

    var location: RepositoryReference { source.location }
    var withoutMirrors: any ImageSource { source.withoutMirrors }
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

    func resolve(_ reference: Reference) async throws -> Descriptor? {
        if let told = manifests.told(reference, of: location) { return told.descriptor }
        return try await source.resolve(reference)
    }

    func resolve(
        _ reference: Reference,
        doubting doubt: (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest? {
        try await manifests.tell(reference, of: location) { try await source.resolve(reference, doubting: doubt) }
    }

    func tags() async throws -> [TagName]? { try await source.tags() }

    func listing() async throws -> TagList? { try await source.listing() }

    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        try await manifests.refer(to: digest, of: location) { try await source.referrers(of: digest) }
    }

    func blobSize(_ digest: Digest, named: Int64?) async throws -> Int64? {
        try await source.blobSize(digest, named: named)
    }

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

extension ImageSource {
    /// The manifest that a reference stands for, from the cache where it is there.
    ///
    /// Where the cache has what a tag was, the registry is first asked what it is: Docker Hub counts only what it gives.
    ///
    /// - Parameters:
    ///   - reference: what is asked for.
    ///   - listed: what the source's listing says that it is.
    ///   - present: what the target has under the tag, where it seems to be something else. Then what the source gives counts:
    ///     a registry may name another digest than it gives, for ever.
    ///   - cache: what is looked into.
    /// - Returns: `nil` when there is none.
    /// - Throws: what the source throws; `CacheError`.
    func manifest(
        _ reference: Reference,
        listedAs listed: Digest?,
        over present: Digest?,
        in cache: ContentCache?
    ) async throws -> Manifest? {
        if try await isHeld(reference, listedAs: listed, over: present, in: cache),
            let told = try await resolve(reference, listedAs: listed, in: cache),
            let held = try told.manifest ?? cache?.manifest(told.descriptor.digest)
        {
            return held
        }
        return try await manifest(reference)
    }

    /// What a reference stands for now, read where HEAD says otherwise than the listing and the cache let expect.
    func resolve(
        _ reference: Reference,
        listedAs listed: Digest?,
        in cache: ContentCache?
    ) async throws -> ToldManifest? {
        try await resolve(reference) { told in
            guard case .tag(let tag) = reference, told.digest != listed else { return .unlikely }
            return try await cache?.names.doubt(told, of: tag, in: location, listedAs: listed) ?? .possible
        }
    }

    /// Whether the cache has what a reference is or was, as far as that is known without a request.
    func isHeld(
        _ reference: Reference,
        listedAs listed: Digest?,
        over present: Digest?,
        in cache: ContentCache?
    ) async throws -> Bool {
        guard let cache, present == nil, !isCache else { return false }
        let digests =
            switch reference {
            case _ where listed != nil: [listed].compactMap(\.self)
            case .digest(let digest): [digest]
            case .tag(let tag): try await cache.names.images(of: tag, in: location).map(\.descriptor.digest)
            }
        return try digests.contains { try cache.manifest($0) != nil }
    }
}
