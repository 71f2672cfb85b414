import Cache
import Concurrency
import OCI
import Registry
import Synchronization

/// Finds what refers to manifests of a source.
///
/// By the referrers interface, by the tags that stand in for it, and by cosign's tags; which of the tags there are is
/// known from one listing, so none is asked for in vain where the source gives it.
struct ReferrerSearch: Sendable {
    /// How far referrers of referrers are followed; what is cut off there is told.
    static let maximumDepth = 64
    /// How many referrers one image may have in all.
    static let maximumCount = 1000
    static let parallelism = 6

    let source: any ImageSource
    let cache: ContentCache?
    let tags: ReferrerTags
    /// What was given what the source lists, where something was.
    var target: RepositoryReference?
    /// Whether it may be noted that the source lists something itself.
    var notes = true
    /// What has been read.
    private let tally = Tally()

    /// What stands under the tag of a list.
    enum TaggedList {
        case list([Descriptor])
        case absent
        /// Something else, or nobody tells.
        case unknown
        /// The source refuses to say whether there is one.
        case refused
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
        var (level, seen) = (subjects, Set(subjects))
        var isSettled = false
        for _ in 0..<Self.maximumDepth where !level.isEmpty {
            var found = try await referrers(of: level)
            // Who keeps lists under tags may have a page for whatever it does not know; of others it is said once.
            isSettled = isSettled || found.contains(where: \.hasList)
            for index in found.indices where found[index].unheard != nil {
                if isSettled { found[index].unheard = nil }
                isSettled = true
            }
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
        let interface = ReferrerInterface(source: source, cache: cache, notes: notes)
        let answers = try await interface.answers(to: subjects) { subject in
            try await CopyError.naming("what refers to it", of: subject) { try await source.referrers(of: subject) }
        }
        return try await zip(subjects, answers).map(limit: Self.parallelism) { try await referrers(of: $0, $1) }
    }

    private func referrers(
        of subject: Digest,
        _ answer: ReferrerInterface.Answer
    ) async throws -> FoundReferrers {
        try await CopyError.naming("what refers to it", of: subject) {
            let listed = try await listed(subject, answer)
            var seen: Set<Digest> = [subject]
            let named = listed.all.filter { seen.insert($0.digest).inserted }
            guard named.count <= Self.maximumCount else { throw CopyError(.tooManyReferrers) }
            var (found, missing, unread) = ([Referrer](), [Descriptor](), [Descriptor]())
            for descriptor in named {
                switch try await read(descriptor) {
                case .manifest(let manifest): found.append(Referrer(manifest: try tally.counting(manifest)))
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
                refusedTags: listed.refused + tagged.refused,
                unread: unread,
                hasList: listed.isWhole,
                withheld: listed.withheld,
                unheard: listed.unheard,
                isUntold: listed.isUntold
            )
        }
    }

    /// What a source lists, by its interface and by the tag that stands in for it.
    private struct Listed {
        var all: [Descriptor] = []
        /// Whether nothing else refers to the subject there.
        var isWhole = false
        var refused: [TagName] = []
        var withheld: String?
        var unheard: String?
        let isUntold: Bool
    }

    private func listed(_ subject: Digest, _ answer: ReferrerInterface.Answer) async throws -> Listed {
        var listed = Listed(isUntold: answer.isUntold)
        var lacks = false
        switch answer {
        case .listed(let entries): (listed.all, listed.isWhole) = (entries.map(\.descriptor), true)
        case .lacking: lacks = true
        case .untold(let error): if (error as? RegistryError)?.isNoList == true { listed.unheard = "\(error)" }
        case .passedOver: break
        case .withheld(let error): listed.withheld = "\(error)"
        }
        switch try await list(of: subject, orItsLack: lacks) {
        case .list(let list):
            listed.all += list
            listed.isWhole = !listed.isUntold
        case .absent: listed.isWhole = listed.isWhole || lacks
        case .unknown: break
        case .refused: listed.refused = [try subject.referrersTag]
        }
        return listed
    }

    /// What stands under cosign's tags, and which of them are listed without anything there, or not shown.
    private func tagged(
        _ subject: Digest
    ) async throws -> (found: [Referrer], missing: [TagName], refused: [TagName]) {
        var (found, missing, refused) = ([Referrer](), [TagName](), [TagName]())
        for tag in subject.cosignTags where tags.mayHave(tag) {
            switch try await tags.asking({ try await source.manifest(.tag(tag)) }) {
            case .known(let manifest?): found.append(Referrer(manifest: try tally.counting(manifest), tag: tag))
            case .known(nil): if !tags.isUnlisted { missing.append(tag) }
            case .unknown: refused.append(tag)
            }
        }
        return (found, missing, refused)
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
        switch try await tags.asking({ try await source.manifest(.tag(tag)) }) {
        case .known(let manifest?):
            ReferrerEntry.listed(by: manifest, of: subject).map { .list($0.map(\.descriptor)) } ?? .unknown
        case .known(nil): tags.isDoubtful ? .unknown : .absent
        case .unknown: .refused
        }
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

extension ReferrerSearch {
    /// What was read of an image's referrers, counted as it comes: those of one level alone may be a million.
    private final class Tally: Sendable {
        private let read = Mutex((count: 0, bytes: Int64(0)))

        func counting(_ manifest: Manifest) throws -> Manifest {
            let read = read.withLock { read in
                read.count += 1
                read.bytes += manifest.descriptor.size
                return read
            }
            guard read.count <= ReferrerSearch.maximumCount else { throw CopyError(.tooManyReferrers) }
            guard read.bytes <= ImageWalk.maximumBytes else {
                throw DocumentError(
                    .tooLarge,
                    "the signatures, attestations and the like have more than \(ImageWalk.maximumBytes) bytes"
                )
            }
            return manifest
        }
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
    ///
    /// A list of which something is withheld takes nothing away.
    func noteReferrers(_ found: [FoundReferrers], in location: RepositoryReference) async throws {
        try await referrers.set(found.filter(\.hasList).map { ($0.subject, $0.listed) }, in: location)
        for found in found where found.isUntold {
            try await referrers.add(of: found.subject, in: location, found.listed)
        }
    }
}
