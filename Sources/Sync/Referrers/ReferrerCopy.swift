import Cache
import OCI
import Registry

/// Copies what refers to an image, what refers to that, and so on.
///
/// Runs after the image's manifests have been pushed and before its tag is: an image whose referrers failed looks as
/// absent as it was, and the next run tries again. What refers to a source's index is left out where the target gets an
/// index of chosen platforms: its subject is not there. Tags such as `sha256-….sig` become at the target what they are
/// at the source.
struct ReferrerCopy: Sendable {
    /// How far referrers of referrers are followed.
    static let maximumDepth = 4
    /// How many referrers one image may have in all.
    static let maximumCount = 1000

    let copy: ImageCopy

    /// What it came to.
    struct Outcome: Sendable {
        var count = 0
        var bytes = ByteTally()
    }

    /// - Throws: ``CopyError`` that names the referrer; `CancellationError`. Safe to repeat.
    func run(for subjects: [Digest]) async throws -> Outcome {
        let search = ReferrerSearch(source: copy.source, cache: copy.cache, tags: try await referrerTags())
        var outcome = Outcome()
        var seen = Set(subjects)
        var level = subjects
        for _ in 0..<Self.maximumDepth where !level.isEmpty {
            let found = try await search.referrers(of: level)
            level = []
            for (subject, referrers) in found where !referrers.isEmpty {
                outcome.count += referrers.count
                guard outcome.count <= Self.maximumCount else { throw CopyError(.tooManyReferrers) }
                outcome.bytes += try await send(referrers, subject: subject)
                level += referrers.map(\.manifest.descriptor.digest).filter { seen.insert($0).inserted }
            }
            if !copy.source.isCache { try await copy.cache.noteReferrers(found, in: copy.job.source) }
        }
        return outcome
    }

    /// From the entry's listing; else from one listing of our own.
    private func referrerTags() async throws -> Set<TagName> {
        if let tags = copy.job.referrerTags { return tags }
        switch try await copy.source.tags() {
        case .missing: return []
        case .found(let tags): return Set(tags.filter(\.isReferrerTag))
        }
    }

    private func send(_ referrers: [Referrer], subject: Digest) async throws -> ByteTally {
        var bytes = ByteTally()
        for referrer in referrers {
            let name = referrer.tag?.description ?? referrer.manifest.descriptor.digest.description
            try await CopyError.naming(name, of: subject) { bytes += try await send(referrer) }
        }
        let listed = referrers.filter { $0.tag == nil }.map(\.manifest)
        guard !listed.isEmpty, !copy.ledger.referrerIndexes.areKept(by: copy.job.target) else { return bytes }
        try await CopyError.naming("the list of referrers", of: subject) { try await list(listed, subject: subject) }
        return bytes
    }

    private func send(_ referrer: Referrer) async throws -> ByteTally {
        var walk = ImageWalk(source: copy.source, cache: copy.cache)
        let graph = try await walk.graph(of: referrer.manifest, platforms: [])
        try await copy.cache.hold(graph.descriptors)
        let bytes = try await copy.push(graph) {
            if let tag = referrer.tag { return try await copy.target.store(graph.top, as: tag) }
            _ = try await copy.ledger.ensure(graph.top.descriptor.digest, in: copy.job.target) {
                let isListed = try await copy.target.storeReferrer(graph.top, as: nil)
                if isListed { copy.ledger.referrerIndexes.note(keptBy: copy.job.target) }
                return .stored(bytes: graph.top.descriptor.size)
            }
        }
        try await copy.record(graph)
        if let tag = referrer.tag, copy.cache.contains(graph.top.descriptor) {
            try await copy.cache.names.record(tag, of: copy.job.source, as: graph.top.descriptor)
        }
        return bytes
    }

    /// Adds to the index that a target without the referrers interface keeps under a tag: read again just before it is
    /// written, as others add to it too.
    private func list(_ referrers: [Manifest], subject: Digest) async throws {
        let tag = try subject.referrersTag
        try await copy.ledger.referrerIndexes.exclusively(subject, in: copy.job.target) {
            let present = try await copy.target.manifest(.tag(tag))
            guard let index = try ReferrerIndex.adding(referrers, to: present) else { return }
            try await copy.target.store(index, as: tag)
        }
    }
}

extension CopyError {
    /// Says of an error which referrer it is about.
    static func naming<Result>(
        _ referrer: String,
        of subject: Digest,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error where !error.isCancellation {
            if let error = error as? CopyError, error.isAboutReferrers { throw error }
            throw CopyError(.referrer(referrer, subject: subject, reason: String(describing: error)))
        }
    }

    private var isAboutReferrers: Bool {
        switch kind {
        case .referrer, .tooManyReferrers: true
        default: false
        }
    }
}
