import Cache
import OCI

/// Copies what refers to an image, what refers to that, and so on.
///
/// Runs before the image's topmost manifest is stored, under its tag: an image whose referrers failed looks as absent as
/// it was, and the next run tries again. What refers to a source's index is left out where the target gets an index of
/// chosen platforms: its subject is not there. Tags such as `sha256-….sig` become at the target what they are at the
/// source.
struct ReferrerCopy: Sendable {
    /// How far referrers of referrers are followed; what is cut off there is told.
    static let maximumDepth = 64
    /// How many referrers one image may have in all.
    static let maximumCount = 1000

    let copy: ImageCopy
    let graph: ImageGraph

    /// What it came to.
    struct Outcome: Sendable {
        var count = 0
        /// One line each.
        var warnings: [String] = []
        /// Whether the target was sent anything.
        var hasWritten = false
    }

    /// - Throws: ``CopyError`` that names the referrer; `CancellationError`. Safe to repeat.
    func run() async throws -> Outcome {
        var search = ReferrerSearch(source: copy.source, cache: copy.cache, tags: try await copy.referrerTags())
        search.target = copy.job.target
        var outcome = Outcome()
        var level = graph.subjects
        var seen = Set(level)
        for _ in 0..<Self.maximumDepth where !level.isEmpty {
            let found = try await search.referrers(of: level)
            level = []
            let former = try await listed(found.map(\.subject))
            // Before the target is given anything: what one source of it lists another does not take away.
            if !copy.source.isCache { try await note(found) }
            for found in found {
                outcome.count += found.referrers.count
                guard outcome.count <= Self.maximumCount else { throw CopyError(.tooManyReferrers) }
                let sent = try await send(found, listedBefore: former[found.subject] ?? [])
                outcome.warnings += sent.warnings
                outcome.hasWritten = outcome.hasWritten || sent.hasWritten
                level += found.referrers.map(\.manifest.descriptor.digest).filter { seen.insert($0).inserted }
            }
        }
        if let last = level.first {
            outcome.warnings.append("what refers to \(last) is left out: more than \(Self.maximumDepth) levels")
        }
        return outcome
    }

    /// What the source is known to have listed until now.
    private func listed(_ subjects: [Digest]) async throws -> [Digest: Set<Digest>] {
        var listed: [Digest: Set<Digest>] = [:]
        for subject in subjects {
            listed[subject] = Set(try await copy.cache.referrers.listed(of: subject, in: copy.job.source))
        }
        return listed
    }

    /// Notes what the source lists, and forgets those of cosign's tags that it has no more.
    private func note(_ found: [FoundReferrers]) async throws {
        for found in found {
            for tag in found.subject.cosignTags where !found.referrers.contains(where: { $0.tag == tag }) {
                guard try await copy.cache.names.resolve(.tag(tag), in: copy.job.source) != nil else { continue }
                _ = try await copy.cache.names.remove(tag, of: copy.job.source)
            }
        }
        try await copy.cache.noteReferrers(found, in: copy.job.source)
    }

    private func send(_ found: FoundReferrers, listedBefore former: Set<Digest>) async throws -> Outcome {
        let given = Set(try await copy.cache.referrers.listed(of: found.subject, in: copy.job.target))
        var sent: [Referrer] = []
        for referrer in found.referrers {
            let digest = referrer.manifest.descriptor.digest
            try await CopyError.naming(referrer.tag?.description ?? digest.description, of: found.subject) {
                if given.contains(digest), try await isThere(referrer) { return }
                try await send(referrer)
                sent.append(referrer)
            }
        }
        let stale = copy.source.isCache ? [] : try await stale(found, listedBefore: former)
        var outcome = Outcome(hasWritten: !sent.isEmpty)
        outcome.warnings = found.missing.map {
            "\(copy.source.place) lists \($0.digest), which refers to \(found.subject), and does not have it: it is left "
                + "out until it is there"
        }
        outcome.warnings += found.missingTags.map {
            "\(copy.source.place) lists the tag \($0), and does not have it: it is left out until it is there"
        }
        outcome.warnings += found.unread.map {
            "\(copy.source.place) lists \($0.digest) of type \($0.mediaType.description.displaySafe), which refers to "
                + "\(found.subject) and is no manifest of a kind that is mirrored: it is left out"
        }
        let listed = try await CopyError.naming("the list of referrers", of: found.subject) {
            try await TargetReferrerList(copy: copy, subject: found.subject).change(
                adding: found.referrers.filter { $0.tag == nil }.map(\.manifest),
                removing: stale.filter { try copy.cache.manifest($0)?.subject?.digest == found.subject },
                isTold: sent.contains { $0.tag == nil }
            )
        }
        outcome.warnings += listed.warnings
        outcome.hasWritten = outcome.hasWritten || listed.hasWritten
        guard !copy.source.isCache else { return outcome }
        try await copy.cache.referrers.add(
            of: found.subject,
            in: copy.job.target,
            found.referrers.map(\.manifest.descriptor),
            removing: stale
        )
        return outcome
    }

    /// What the target was given and none of its sources lists any more.
    ///
    /// Sources of other configurations are not known as such: what any other repository lists is taken away only where this
    /// source has listed it before.
    private func stale(_ found: FoundReferrers, listedBefore former: Set<Digest>) async throws -> Set<Digest> {
        guard found.hasList else { return [] }
        let (subject, target, referrers) = (found.subject, copy.job.target, copy.cache.referrers)
        var given = Set(try await referrers.listed(of: subject, in: target))
        if !copy.job.otherSources.isEmpty {
            // What another source's registry has mounted never came here: who lists it is not known.
            let here = try await referrers.here(of: subject, in: target).map(\.digest)
            given.formIntersection(Set(here).union(try await referrers.lost(of: subject, in: target)))
        }
        // Asked for last: who gives something to the target has noted before that it is listed.
        let left = found.referrers.map(\.manifest.descriptor) + found.missing + found.unread
        let others = try await referrers.listed(of: subject, besides: [target, copy.job.source])
        let kept = try await copy.listedElsewhere(subject).union(others.subtracting(former))
        return given.subtracting(left.map(\.digest)).subtracting(kept)
    }

    /// Whether the target says that it still has what it was given.
    private func isThere(_ referrer: Referrer) async throws -> Bool {
        let digest = referrer.manifest.descriptor.digest
        if let tag = referrer.tag { try copy.known.referrerIndexes.take(tag, for: digest, by: copy.job) }
        let reference = referrer.tag.map(Reference.tag) ?? .digest(digest)
        guard case .known(let there?) = try await copy.target.asking({ try await $0.resolve(reference) }) else {
            return false
        }
        return there.digest == digest
    }

    private func send(_ referrer: Referrer) async throws {
        if let tag = referrer.tag {
            try copy.known.referrerIndexes.take(tag, for: referrer.manifest.descriptor.digest, by: copy.job)
        }
        var walk = ImageWalk(source: copy.source, cache: copy.cache)
        let graph = try await walk.graph(of: referrer.manifest, platforms: [])
        try await copy.cache.hold(graph.descriptors)
        try await copy.push(graph) {
            do {
                try await store(graph.top, as: referrer.tag)
            } catch let error as any TargetRefusal where error.mayLackSubject && !hasTop {
                // Against the specification some registries want the subject before what refers to it.
                try await copy.target.store(self.graph.top, as: nil)
                copy.known.note(self.graph.top.descriptor, as: .manifest, in: copy.job.target)
                try await store(graph.top, as: referrer.tag)
            }
        }
        try await copy.record(graph)
        if let tag = referrer.tag, try copy.cache.contains(graph.top.descriptor) {
            try await copy.cache.names.record(tag, of: copy.job.source, as: graph.top.descriptor)
        }
    }

    private func store(_ manifest: Manifest, as tag: TagName?) async throws {
        if let tag { return try await copy.target.store(manifest, as: tag) }
        _ = try await copy.known.ensure(manifest.descriptor, as: .manifest, in: copy.job.target) {
            let isListed = try await copy.target.storeReferrer(manifest, as: nil)
            if isListed { copy.known.referrerIndexes.note(.registry, of: copy.job.target) }
            return .stored(bytes: manifest.descriptor.size)
        }
    }

    private var hasTop: Bool {
        copy.known.isKnown(graph.top.descriptor, as: .manifest, in: copy.job.target)
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
            if (error as? CopyError)?.isAboutReferrers == true || error is TargetCollision { throw error }
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
