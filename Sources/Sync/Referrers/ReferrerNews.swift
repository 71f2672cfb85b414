import Cache
import Concurrency
import OCI

/// Whether a source lists other referrers of an image that was mirrored before than its target was given.
///
/// What the listing of tags shows costs nothing; what is new there is looked at. Beyond it one question is asked, chosen at
/// random where there are several, mostly one about a list: what is new is listed more often than a tag is changed. A list under a tag may be an old one of
/// a registry that has the referrers interface by now, which is asked in its turn. Once in a run a second question, to find out that the
/// registry has none. An index stands for its images, except where some platforms were chosen: a run asks for one of them.
struct ReferrerNews {
    let copy: ImageCopy
    let graph: ImageGraph
    let tags: ReferrerTags
    /// Whether what is heard may be noted.
    var notes = true

    private enum Question {
        /// What the source's own interface lists; it need not be there where lists are kept under tags.
        case interface(of: Digest, isLikely: Bool)
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
        if try await hasUnreadList() { return true }
        while let position = Self.choice(among: questions) {
            switch questions.remove(at: position) {
            case .interface(let subject, _):
                guard let isNew = try await interface(subject) else { continue }
                return isNew
            case .index(let subject):
                let list = try await search.list(of: subject)
                if case .list(let listed) = list {
                    // What it lacks the interface may list, which is asked another time.
                    if hasInterface, try await isInterfaceHeard() { return try await hasNew(listed, subject) }
                    return try await differs(listed, subject)
                }
                if hasInterface, let isNew = try await interface(subject) { return isNew }
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

    /// Whether a tag stands for one of these at the source.
    ///
    /// - Returns: `nil` when there is no such tag, or none that was ever seen.
    private func isOneOf(_ digests: Set<Digest>, _ tag: TagName) async throws -> Bool? {
        // What may not be read is no news.
        guard case .known(let found) = try await digest(of: tag, among: digests) else {
            return digests.isEmpty ? nil : true
        }
        return found.map(digests.contains)
    }

    /// What a tag stands for at the source, whatever HEAD says where that is none of these: a registry may name another
    /// digest than it gives, for ever.
    private func digest(of tag: TagName, among digests: Set<Digest>) async throws -> Knowledge<Digest?> {
        try await tags.asking {
            guard let told = try await copy.source.resolve(.tag(tag))?.digest else { return nil }
            if digests.contains(told) { return told }
            return try await copy.source.manifest(.tag(tag))?.descriptor.digest
        }
    }

    private var search: ReferrerSearch { ReferrerSearch(source: copy.source, cache: copy.cache, tags: tags) }

    /// Whether the source may list referrers itself.
    private var hasInterface: Bool { copy.known.referrerIndexes.areKept(by: copy.job.source) != false }

    /// - Returns: `nil` when the names of the tags alone tell that there is something new, or something gone.
    private func questions() async throws -> [Question]? {
        var questions: [Question] = []
        let isChosen = graph.isMade || !copy.job.platforms.isEmpty && graph.top.descriptor.mediaType.isIndex
        let asked = isChosen ? graph.subjects.randomElement() : graph.subjects.first
        for subject in graph.subjects {
            if try await TargetReferrerList(copy: copy, subject: subject).isLost() { return nil }
            guard let aboutTags = try await tagQuestions(about: subject, isAsked: subject == asked) else { return nil }
            questions += aboutTags
        }
        guard hasInterface, let asked else { return questions }
        let hasIndex = questions.contains { if case .index = $0 { true } else { false } }
        var isLikely = !hasIndex || tags.isUnlisted
        if !isLikely { isLikely = try await isInterfaceHeard() }
        return questions + [.interface(of: asked, isLikely: isLikely)]
    }

    /// Whether the source has listed referrers itself, in this run or before.
    private func isInterfaceHeard() async throws -> Bool {
        if copy.known.referrerIndexes.areKept(by: copy.job.source) == true { return true }
        return try await copy.cache.referrerAnswers.subject(in: copy.job.source) != nil
    }

    /// Where tags are not listed, those of one subject a run are asked for.
    private func tagQuestions(about subject: Digest, isAsked: Bool) async throws -> [Question]? {
        let given = try await given(subject)
        var questions: [Question] = []
        for tag in subject.cosignTags where tags.mayHave(tag) || !given.all.isEmpty {
            if let last = try await last(tag, of: subject, given) {
                // Of the image itself, which is no referrer, nothing is given.
                guard last == subject || tags.mayHave(tag) == given.all.contains(last) else { return nil }
                if last != subject, tags.mayHave(tag), given.all.contains(last) {
                    if try await copy.lacksAtTarget(tag) { return nil }
                    try copy.known.referrerIndexes.take(tag, for: last, by: copy.job)
                }
                questions.append(.tag(tag, [last]))
            } else if tags.isUnlisted {
                if isAsked { questions.append(.unlisted(tag, given.tagged)) }
            } else if tags.mayHave(tag) {
                // What is listed and cannot be had is no news, until it can.
                guard case .known(let found?) = try await digest(of: tag, among: given.all) else { continue }
                guard found == subject || given.all.contains(found) else { return nil }
                if notes { try await copy.noteGiven(found, as: tag) }
            }
        }
        if tags.mayHave(try subject.referrersTag), isAsked || !tags.isUnlisted { questions.append(.index(of: subject)) }
        return questions
    }

    /// What one of cosign's tags was: what the target was given of it, else what the cache has by that name.
    private func last(
        _ tag: TagName,
        of subject: Digest,
        _ given: GivenReferrers.Content
    ) async throws -> Digest? {
        let named = try await copy.cache.names.resolve(.tag(tag), in: copy.job.source)?.digest
        let noted = try await copy.cache.copies.last(to: copy.job.place(of: tag))
        return [named, noted].compactMap(\.self).first { $0 == subject || given.all.contains($0) } ?? named
    }

    /// - Returns: `nil` when there is no such interface, or it does not tell.
    private func interface(_ subject: Digest) async throws -> Bool? {
        let interface = ReferrerInterface(source: copy.source, cache: copy.cache, notes: notes)
        let answer = try await interface.answers(to: [subject])[0]
        copy.known.referrerIndexes.note(.init(answer), of: copy.job.source)
        guard case .listed(let entries) = answer else { return nil }
        var listed = entries.map(\.descriptor)
        // What it lacks a list under a tag may have.
        if try await lacksGiven(listed, subject), case .list(let others) = try await search.list(of: subject) {
            listed += others
        }
        return try await differs(listed, subject)
    }

    /// Whether something is in a list whose tag is there, and of which nothing was ever heard; one of several is read.
    private func hasUnreadList() async throws -> Bool {
        guard !tags.isUnlisted else { return false }
        var unread: [Digest] = []
        for subject in graph.subjects where tags.mayHave(try subject.referrersTag) {
            let given = try await given(subject)
            guard given.withdrawable.isEmpty, given.meant.isEmpty,
                try await copy.cache.referrers.listed(of: subject, in: copy.job.source).isEmpty
            else { continue }
            unread.append(subject)
        }
        guard let subject = unread.randomElement(), case .list(let listed) = try await search.list(of: subject) else {
            return false
        }
        return try await hasNew(listed, subject)
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
