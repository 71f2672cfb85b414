import Cache
import Concurrency
import OCI

/// Whether a source lists other referrers of an image that was mirrored before than its target was given.
///
/// What the listing of tags shows costs nothing. Beyond it one question is asked, chosen at random where there are
/// several; once in a run a second one, to find out that the registry has no referrers interface. An index stands for
/// its images, except where some platforms were chosen, which are asked for one by one.
struct ReferrerNews {
    let copy: ImageCopy
    let graph: ImageGraph
    /// The source's tags under which referrers are kept.
    let tags: Set<TagName>

    private enum Question {
        /// What the source's own interface lists of some subjects.
        case interface([Digest])
        /// What the tag lists that stands in for the interface.
        case index(TagName, of: Digest)
        /// Whether one of cosign's tags is what it was.
        case tag(TagName, Digest)
    }

    /// - Throws: `CacheError`; `CancellationError`; what source and target throw.
    func isThere() async throws -> Bool {
        guard var questions = try await questions() else { return true }
        while let position = questions.indices.randomElement() {
            switch questions.remove(at: position) {
            case .interface(let subjects):
                guard let isNew = try await interface(subjects) else { continue }
                return isNew
            case .index(let tag, let subject):
                let listed = try await copy.source.manifest(.tag(tag))?.references ?? []
                return try await differs(listed, subject)
            case .tag(let tag, let digest):
                return try await copy.source.resolve(.tag(tag))?.digest != digest
            }
        }
        return false
    }

    /// - Returns: `nil` when the names of the tags alone tell that there is something new, or something gone.
    private func questions() async throws -> [Question]? {
        var questions: [Question] = []
        for subject in graph.subjects {
            let given = Set(try await given(subject).map(\.digest))
            for tag in subject.cosignTags where tags.contains(tag) || !given.isEmpty {
                let last = try await copy.cache.names.resolve(.tag(tag), in: copy.job.source)?.digest
                guard tags.contains(tag) == (last.map(given.contains) ?? false) else { return nil }
                if let last { questions.append(.tag(tag, last)) }
            }
            let index = try subject.referrersTag
            if tags.contains(index) { questions.append(.index(index, of: subject)) }
        }
        let hasIndex = questions.contains { if case .index = $0 { true } else { false } }
        if !hasIndex, copy.known.referrerIndexes.areKept(by: copy.job.source) != false {
            let isChosen = !copy.job.platforms.isEmpty && graph.top.descriptor.mediaType.isIndex
            questions.append(.interface(isChosen ? graph.subjects : Array(graph.subjects.prefix(1))))
        }
        return questions
    }

    /// - Returns: `nil` when there is no such interface.
    private func interface(_ subjects: [Digest]) async throws -> Bool? {
        for subject in subjects {
            let listed = try await copy.source.listedReferrers(of: subject)?.map(\.descriptor)
            copy.known.referrerIndexes.note(listed != nil, by: copy.job.source)
            guard let listed else { return nil }
            if try await differs(listed, subject) { return true }
        }
        return false
    }

    private func differs(_ listed: [Descriptor], _ subject: Digest) async throws -> Bool {
        let given = try await given(subject).filter { try copy.cache.manifest($0)?.subject?.digest == subject }
        return Set(given.map(\.digest)) != Set(listed.map(\.digest).filter { $0 != subject })
    }

    private func given(_ subject: Digest) async throws -> [Descriptor] {
        try await copy.cache.names.referrers(of: subject, in: copy.job.target)
    }
}

extension ImageCopy {
    /// The source's tags under which referrers are kept: from the entry's listing, else from one listing of our own,
    /// which serves all tags of the repository in this run.
    func referrerTags() async throws -> Set<TagName> {
        if let tags = job.referrerTags { return tags }
        let list = { () async throws -> Set<TagName> in try await source.referrerTags() }
        return try await known.referrerTags.value(for: job.source, isGood: { _ in true }, fetch: list)
    }

    /// What was mirrored of the tag before: as the cache remembers it, else as the target has it.
    ///
    /// - Returns: `nil` when nobody tells.
    func mirrored() async throws -> ImageGraph? {
        var top: Manifest?
        if case .tag(let tag) = job.reference,
            let descriptor = try await cache.names.resolve(.tag(tag), in: job.source)
        {
            top = try cache.manifest(descriptor)
        }
        if top == nil, case .known(let there) = try await target.asking({ try await $0.manifest(.tag(job.tag)) }) {
            top = there
        }
        guard let top else { return nil }
        var walk = ImageWalk(source: source, cache: cache)
        return try await walk.graph(of: top, platforms: job.platforms)
    }
}
