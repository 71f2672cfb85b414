import Cache
import Concurrency
import OCI

/// Whether a source lists other referrers of an image that was mirrored before than its target was given.
///
/// What the listing of tags shows costs nothing. Beyond it one question is asked, chosen at random where there are
/// several, mostly one about a list: what is new is listed more often than a tag is changed. A list under a tag may be an old one of
/// a registry that has the referrers interface by now, which is asked in its turn. Once in a run a second question, to find out that the
/// registry has none. An index stands for its images, except where some platforms were chosen, which are asked for one by one.
struct ReferrerNews {
    let copy: ImageCopy
    let graph: ImageGraph
    let tags: ReferrerTags
    /// Whether what is heard may be noted.
    var notes = true

    private enum Question {
        /// What the source's own interface lists of some subjects; it need not be there where lists are kept under tags.
        case interface([Digest], isLikely: Bool)
        /// What the tag lists that stands in for the interface.
        case index(of: Digest)
        /// Whether one of cosign's tags is what it was: one of these.
        case tag(TagName, Set<Digest>)
        /// Whether one of cosign's tags, which nobody lists, is there by now and none of these.
        case unlisted(TagName, Set<Digest>)

        /// Whether what is new is likely to be seen there.
        var isUsual: Bool {
            switch self {
            case .interface(_, let isLikely): isLikely
            case .index: true
            case .tag, .unlisted: false
            }
        }
    }

    /// - Throws: ``TargetCollision``; `CacheError`; `CancellationError`; what source and target throw.
    func isThere() async throws -> Bool {
        if try await copy.cache.referrerAnswers.isUntold(copy.job.gift(of: graph.top.descriptor.digest)) { return true }
        guard var questions = try await questions() else { return true }
        if try await isListGone() { return true }
        while let position = Self.choice(among: questions) {
            switch questions.remove(at: position) {
            case .interface(let subjects, _):
                guard let isNew = try await interface(subjects) else { continue }
                return isNew
            case .index(let subject):
                let list = try await search.list(of: subject)
                if case .list(let listed) = list {
                    // What it lacks the interface may list, which is asked another time.
                    if hasInterface, try await isInterfaceHeard() { return try await hasNew(listed, subject) }
                    return try await differs(listed, subject)
                }
                if hasInterface, let isNew = try await interface([subject]) { return isNew }
                if case .absent = list, try await isGone(subject) { return true }
            case .tag(let tag, let former): return try await isOneOf(former, tag) != true
            case .unlisted(let tag, let given): return try await isOneOf(given, tag) == false
            }
        }
        return try await isListGone()
    }

    private static func choice(among questions: [Question]) -> Int? {
        let usual = questions.indices.filter { questions[$0].isUsual }
        let others = questions.indices.filter { !questions[$0].isUsual }
        guard !usual.isEmpty, !others.isEmpty else { return questions.indices.randomElement() }
        return (Int.random(in: 0..<4) == 0 ? others : usual).randomElement()
    }

    /// Whether a tag stands for one of these at the source, whatever HEAD says: a registry may name another digest than it
    /// gives, for ever.
    ///
    /// - Returns: `nil` when there is no such tag, or none that was ever seen.
    private func isOneOf(_ digests: Set<Digest>, _ tag: TagName) async throws -> Bool? {
        let answer = try await tags.asking { () async throws -> Bool? in
            guard let told = try await copy.source.resolve(.tag(tag)) else { return nil }
            if digests.contains(told.digest) { return true }
            return try await copy.source.manifest(.tag(tag)).map { digests.contains($0.descriptor.digest) }
        }
        // What may not be read is no news.
        guard case .known(let isOne) = answer else { return digests.isEmpty ? nil : true }
        return isOne
    }

    private var search: ReferrerSearch { ReferrerSearch(source: copy.source, cache: copy.cache, tags: tags) }

    /// Whether the source may list referrers itself.
    private var hasInterface: Bool { copy.known.referrerIndexes.areKept(by: copy.job.source) != false }

    /// - Returns: `nil` when the names of the tags alone tell that there is something new, or something gone.
    private func questions() async throws -> [Question]? {
        var questions: [Question] = []
        for (position, subject) in graph.subjects.enumerated() {
            if try await TargetReferrerList(copy: copy, subject: subject).isLost() { return nil }
            guard let aboutTags = try await tagQuestions(about: subject, isFirst: position == 0) else { return nil }
            questions += aboutTags
        }
        guard hasInterface else { return questions }
        let isChosen = !copy.job.platforms.isEmpty && graph.top.descriptor.mediaType.isIndex
        let subjects = isChosen ? graph.subjects : Array(graph.subjects.prefix(1))
        let hasIndex = questions.contains { if case .index = $0 { true } else { false } }
        var isLikely = !hasIndex || tags.isUnlisted
        if !isLikely { isLikely = try await isInterfaceHeard() }
        return questions + [.interface(subjects, isLikely: isLikely)]
    }

    /// Whether the source has listed referrers itself, in this run or before.
    private func isInterfaceHeard() async throws -> Bool {
        if copy.known.referrerIndexes.areKept(by: copy.job.source) == true { return true }
        return try await copy.cache.referrerAnswers.subject(in: copy.job.source) != nil
    }

    /// Where tags are not listed, those of the first subject alone are asked for: most is signed there.
    private func tagQuestions(about subject: Digest, isFirst: Bool) async throws -> [Question]? {
        let given = try await given(subject)
        var questions: [Question] = []
        for tag in subject.cosignTags where tags.mayHave(tag) || !given.all.isEmpty {
            if let last = try await copy.cache.names.resolve(.tag(tag), in: copy.job.source)?.digest {
                // Of the image itself, which is no referrer, nothing is given.
                guard last == subject || tags.mayHave(tag) == given.all.contains(last) else { return nil }
                if last != subject, tags.mayHave(tag), given.all.contains(last) {
                    if try await copy.lacksAtTarget(tag) { return nil }
                    try copy.known.referrerIndexes.take(tag, for: last, by: copy.job)
                }
                questions.append(.tag(tag, [last]))
            } else if tags.isUnlisted {
                if isFirst { questions.append(.unlisted(tag, given.tagged)) }
            } else if tags.mayHave(tag) {
                // Of what the target has mounted the cache knows no more than that it was given.
                if !given.tagged.isEmpty {
                    questions.append(.tag(tag, given.tagged))
                } else if try await copy.source.resolve(.tag(tag)) != nil {
                    // What is listed and cannot be had is no news, until it can.
                    return nil
                }
            }
        }
        if tags.mayHave(try subject.referrersTag), isFirst || !tags.isUnlisted { questions.append(.index(of: subject)) }
        return questions
    }

    /// - Returns: `nil` when there is no such interface, or it does not tell.
    private func interface(_ subjects: [Digest]) async throws -> Bool? {
        let interface = ReferrerInterface(source: copy.source, cache: copy.cache, notes: notes)
        var isSilent = false
        for subject in subjects {
            let answer = try await interface.answers(to: [subject])[0]
            copy.known.referrerIndexes.note(.init(answer), of: copy.job.source)
            var listed: [Descriptor]
            switch answer {
            case .listed(let entries): listed = entries.map(\.descriptor)
            case .lacking, .untold: return nil
            case .passedOver, .withheld:
                isSilent = true
                continue
            }
            // What it lacks a list under a tag may have.
            if try await lacksGiven(listed, subject), case .list(let others) = try await search.list(of: subject) {
                listed += others
            }
            if try await differs(listed, subject) { return true }
        }
        return isSilent ? nil : false
    }

    /// Whether the tag of a list has gone of which the target was given something.
    private func isListGone() async throws -> Bool {
        for subject in graph.subjects where tags.lacks(try subject.referrersTag) {
            if try await isGone(subject) { return true }
        }
        return false
    }

    /// The same of a subject whose list has no tag: only where no interface may list it, which refuses to for now.
    private func isGone(_ subject: Digest) async throws -> Bool {
        guard copy.known.referrerIndexes.keeper(of: copy.job.source) == .tags else { return false }
        return try await !given(subject).withdrawable.isEmpty
    }

    private func differs(_ listed: [Descriptor], _ subject: Digest) async throws -> Bool {
        if try await lacksGiven(listed, subject) { return true }
        return try await hasNew(listed, subject)
    }

    private func lacksGiven(_ listed: [Descriptor], _ subject: Digest) async throws -> Bool {
        let given = try await given(subject)
        return !given.withdrawable.union(given.meant).isSubset(of: listed.map(\.digest))
    }

    private func hasNew(_ listed: [Descriptor], _ subject: Digest) async throws -> Bool {
        let given = try await given(subject)
        for descriptor in listed where descriptor.digest != subject && !given.listed.contains(descriptor.digest) {
            // What is listed and cannot be had is no news, until it can.
            if case .manifest = try await search.read(descriptor) { return true }
        }
        return false
    }

    /// What the source has given to the target.
    private func given(_ subject: Digest) async throws -> GivenReferrers.Content {
        try await copy.cache.given.content(of: copy.job.gift(of: subject))
    }
}

extension CopyJob {
    /// The source's tags under which referrers are kept: from the entry's listing, else from one listing of our own,
    /// which serves all tags of the repository in this run.
    func referrerTags(_ source: any ImageSource, _ known: KnownContent) async throws -> ReferrerTags {
        if let referrerTags { return referrerTags }
        let list = { () async throws -> ReferrerTags.Listing in try await source.tagListing() }
        return try await known.referrerTags.value(for: self.source, isGood: { _ in true }, fetch: list)
            .referrerTags(beside: reference)
    }
}

extension ImageTarget {
    /// Whether the target has what it was given before; some know no HEAD of what they have.
    func holds(_ reference: Reference) async throws -> Bool {
        if try await resolve(reference) != nil { return true }
        return try await manifest(reference) != nil
    }
}

extension ImageCopy {
    func referrerTags() async throws -> ReferrerTags { try await job.referrerTags(source, known) }

    /// Whether the target has lost one of the tags under which referrers are kept: it does not list it, and says so when it
    /// is asked for it.
    func lacksAtTarget(_ tag: TagName) async throws -> Bool {
        guard job.targetReferrerTags?.lacks(tag) == true,
            case .known(false) = try await target.asking({ try await $0.holds(.tag(tag)) })
        else { return false }
        return true
    }

    /// What was mirrored of the tag before: what the target is known to have, as the cache remembers it, else as the target
    /// says.
    ///
    /// - Parameters:
    ///   - present: what the target has, where it was asked.
    ///   - keeps: whether what the target says is remembered, so that the next run need not ask.
    /// - Returns: `nil` when nobody tells.
    /// - Throws: `CacheError`; what the target and the source throw; `CancellationError`.
    func mirrored(_ present: Digest?, keeping keeps: Bool) async throws -> ImageGraph? {
        var top: Manifest?
        var isNew = false
        // By another algorithm the cache does not know it.
        if let present, present.algorithm == .sha256 {
            top = try cache.manifest(present)
        } else if case .tag(let tag) = job.reference,
            let copied = try await cache.copies.copied(to: job.place, from: tag, of: job.source)
        {
            top = try cache.manifest(copied)
        }
        // Of what the cache lacks it has no referrers to bring.
        if top == nil, !source.isCache,
            case .known(let there) = try await target.asking({ try await $0.manifest(.tag(job.tag)) })
        {
            top = there
            isNew = there != nil
        }
        guard let top else { return nil }
        var walk = ImageWalk(source: source, cache: cache)
        walk.keeps = keeps
        let graph = try await walk.graph(of: top, platforms: job.platforms)
        if isNew, keeps { try await remember(top, graph.children) }
        return graph
    }

    /// What the target has under the tag.
    private func remember(_ top: Manifest, _ children: [Manifest]) async throws {
        for manifest in children + [top] { try await cache.store(manifest, from: nil) }
        guard case .tag(let tag) = job.reference else { return }
        try await cache.copies.note(of: top.descriptor.digest, to: job.place, from: tag, of: job.source)
    }
}
