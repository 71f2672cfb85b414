import Cache
import Concurrency
import OCI
import Registry

/// Something that refers to an image: a signature, an attestation, a list of its parts.
struct Referrer: Sendable {
    let manifest: Manifest
    /// What it is kept under where nothing but its tag says what it refers to: cosign's `sha256-<hex>.sig`.
    var tag: TagName?
}

/// What refers to one manifest at a source.
struct FoundReferrers: Sendable {
    let subject: Digest
    /// All that the source lists, by its interface and by the tag that stands in for it.
    let listed: [Descriptor]
    /// The same with their manifests, and what cosign's tags name.
    let referrers: [Referrer]
    /// What the source lists and does not have: removed there, while its list was forgotten.
    let missing: [Descriptor]
    /// Tags of cosign's that the source lists and does not have.
    let missingTags: [TagName]
    /// What the source lists and is no manifest of a kind that is mirrored.
    let unread: [Descriptor]
    /// Whether the source has a list, or had one and has none any more: a refused question does not mean that nothing refers to the
    /// subject.
    let hasList: Bool

    /// What of it can be given to a target.
    var content: GivenReferrers.Content {
        let digests = { (isListed: Bool) in
            Set(referrers.filter { ($0.tag == nil) == isListed }.map(\.manifest.descriptor.digest))
        }
        return GivenReferrers.Content(listed: digests(true), tagged: digests(false))
    }

    /// What is not copied, one line each.
    func leftOut(by source: any ImageSource) -> [String] {
        let missing = missing.map {
            "\(source.place) lists \($0.digest), which refers to \(subject), and does not have it: it is left "
                + "out until it is there"
        }
        let missingTags = missingTags.map {
            "\(source.place) lists the tag \($0), and does not have it: it is left out until it is there"
        }
        let unread = unread.map {
            "\(source.place) lists \($0.digest) of type \($0.mediaType.description.displaySafe), which refers to "
                + "\(subject) and is no manifest of a kind that is mirrored: it is left out"
        }
        return missing + missingTags + unread
    }
}

/// Which of the tags under which referrers are kept a source has.
enum ReferrerTags: Sendable {
    case listed(Set<TagName>)
    /// The source does not tell: any of them may be there.
    case unlisted
    /// The source knows of no tags at all: none is asked for, which proves nothing.
    case missing

    func mayHave(_ tag: TagName) -> Bool {
        switch self {
        case .listed(let tags): tags.contains(tag)
        case .unlisted: true
        case .missing: false
        }
    }

    /// Whether the source has told its tags, and not this one.
    func lacks(_ tag: TagName) -> Bool { if case .listed(let tags) = self { !tags.contains(tag) } else { false } }

    var isUnlisted: Bool { if case .unlisted = self { true } else { false } }
}

/// Finds what refers to manifests of a source.
///
/// By the referrers interface, by the tags that stand in for it, and by cosign's tags; which of the tags there are is
/// known from one listing, so none is asked for in vain where the source gives it.
struct ReferrerSearch: Sendable {
    /// How far referrers of referrers are followed; what is cut off there is told.
    static let maximumDepth = 64
    /// How many referrers one image may have in all.
    static let maximumCount = 1000
    private static let parallelism = 6

    let source: any ImageSource
    let cache: ContentCache?
    let tags: ReferrerTags
    /// What was given what the source lists, where something was.
    var target: RepositoryReference?

    /// What stands under the tag of a list.
    enum TaggedList {
        case list([Descriptor])
        case absent
        /// Something else, or nobody tells.
        case unknown
    }

    /// One of what a list names.
    enum Reading {
        case manifest(Manifest)
        case absent
        /// It is no manifest of a kind that is mirrored.
        case unread
    }

    /// Goes through what refers to some manifests, what refers to that, and so on.
    ///
    /// - Returns: something of what is left out because it is too far away.
    /// - Throws: ``CopyError`` that names the referrer, or says that there are too many; `CancellationError`; what the body
    ///   throws.
    func forEachLevel(
        above subjects: [Digest],
        _ body: ([FoundReferrers]) async throws -> Void
    ) async throws -> Digest? {
        var (level, seen, count) = (subjects, Set(subjects), 0)
        for _ in 0..<Self.maximumDepth where !level.isEmpty {
            let found = try await referrers(of: level)
            count += found.reduce(0) { $0 + $1.referrers.count }
            guard count <= Self.maximumCount else { throw CopyError(.tooManyReferrers) }
            try await body(found)
            level = found.flatMap(\.referrers).map(\.manifest.descriptor.digest).filter { seen.insert($0).inserted }
        }
        return level.first
    }

    static func leftOut(above last: Digest) -> String {
        "what refers to \(last) is left out: more than \(maximumDepth) levels"
    }

    /// What refers to each of these manifests, in their order.
    ///
    /// - Throws: ``CopyError`` that names the referrer; `CancellationError`.
    func referrers(of subjects: [Digest]) async throws -> [FoundReferrers] {
        try await subjects.map(limit: Self.parallelism) { try await referrers(of: $0) }
    }

    private func referrers(of subject: Digest) async throws -> FoundReferrers {
        try await CopyError.naming("what refers to it", of: subject) {
            let listed = try await listed(subject)
            var seen: Set<Digest> = [subject]
            let named = (listed ?? []).filter { seen.insert($0.digest).inserted }
            guard named.count <= Self.maximumCount else { throw CopyError(.tooManyReferrers) }
            var (found, missing, unread) = ([Referrer](), [Descriptor](), [Descriptor]())
            for descriptor in named {
                switch try await read(descriptor) {
                case .manifest(let manifest): found.append(Referrer(manifest: manifest))
                case .absent: missing.append(descriptor)
                case .unread: unread.append(descriptor)
                }
            }
            let tagged = try await tagged(subject)
            return FoundReferrers(
                subject: subject,
                listed: found.map(\.manifest.descriptor) + missing + unread,
                referrers: found + tagged.found,
                missing: missing,
                missingTags: tagged.missing,
                unread: unread,
                hasList: listed != nil
            )
        }
    }

    /// All that the source lists, by its interface and by the tag that stands in for it; `nil` where neither tells.
    private func listed(_ subject: Digest) async throws -> [Descriptor]? {
        let answer = try await source.referrers(of: subject)
        guard case .known(let entries) = answer else {
            guard case .list(let list) = try await list(of: subject) else { return nil }
            return list
        }
        switch try await list(of: subject, orItsLack: entries == nil) {
        case .list(let list): return (entries ?? []).map(\.descriptor) + list
        case .absent: return (entries ?? []).map(\.descriptor)
        case .unknown: return entries?.map(\.descriptor)
        }
    }

    /// What stands under cosign's tags, and which of them are listed without anything there.
    private func tagged(_ subject: Digest) async throws -> (found: [Referrer], missing: [TagName]) {
        var (found, missing) = ([Referrer](), [TagName]())
        for tag in subject.cosignTags where tags.mayHave(tag) {
            if let manifest = try await source.manifest(.tag(tag)) {
                found.append(Referrer(manifest: manifest, tag: tag))
            } else if !tags.isUnlisted {
                missing.append(tag)
            }
        }
        return (found, missing)
    }

    /// What the tag lists that stands in for the interface.
    ///
    /// That an earlier list has gone is asked for, where that matters: the listing of tags may be a mirror's, or older.
    func list(of subject: Digest, orItsLack matters: Bool = false) async throws -> TaggedList {
        let tag = try subject.referrersTag
        guard tags.mayHave(tag) else {
            guard matters, tags.lacks(tag), try await hadList(subject) else { return .unknown }
            return try await taggedList(tag, subject)
        }
        return try await taggedList(tag, subject)
    }

    private func taggedList(_ tag: TagName, _ subject: Digest) async throws -> TaggedList {
        guard let manifest = try await source.manifest(.tag(tag)) else { return .absent }
        return manifest.listedReferrers(of: subject).map { .list($0.map(\.descriptor)) } ?? .unknown
    }

    /// Whether the source is known to have listed something, or something was given of what it listed.
    private func hadList(_ subject: Digest) async throws -> Bool {
        guard let cache else { return false }
        if let target {
            let gift = GivenReferrers.Gift(of: subject, from: source.location, to: target)
            if try await !cache.given.content(of: gift).withdrawable.isEmpty { return true }
        }
        return try await !cache.referrers.listed(of: subject, in: source.location).isEmpty
    }

    /// By the digest alone: registries are known to list other sizes and types than the manifest's.
    func read(_ descriptor: Descriptor) async throws -> Reading {
        if let cached = try cache?.manifest(descriptor.digest) { return .manifest(cached) }
        do {
            return try await source.manifest(.digest(descriptor.digest)).map(Reading.manifest) ?? .absent
        } catch let error as RegistryError where error.status == 410 {
            return .absent
        } catch let error as RegistryError where error.isOfOtherKind || isOfOtherKind(descriptor, error) {
            return .unread
        }
    }

    /// What is listed as something else than a manifest need not be like one.
    private func isOfOtherKind(_ descriptor: Descriptor, _ error: RegistryError) -> Bool {
        !descriptor.mediaType.isManifest && error.kind == .protocolViolation
    }
}

extension RegistryError {
    /// The registry has it, and it is nothing that is mirrored.
    fileprivate var isOfOtherKind: Bool { kind == .unsupported || status == 406 || status == 415 }
}

extension Digest {
    /// Where cosign keeps what refers to a manifest.
    var cosignTags: [TagName] {
        ["sig", "att", "sbom"].compactMap { try? TagName("\(algorithm.rawValue)-\(hex).\($0)") }
    }
}

extension ContentCache {
    /// Notes what a repository lists of these manifests; what has tags needs no list.
    func noteReferrers(_ found: [FoundReferrers], in location: RepositoryReference) async throws {
        try await referrers.set(found.filter(\.hasList).map { ($0.subject, $0.listed) }, in: location)
    }
}
