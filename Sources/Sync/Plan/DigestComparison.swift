import Cache
import OCI

/// Whether a target's tag is what a copy would push there, at the price of one HEAD a side.
struct DigestComparison {
    let entry: Configuration.Entry
    let source: any ImageSource
    let configs: ConfigReader
    /// Whether a manifest may be read from the source; where one would have to be, ``CountedSource/Unread`` is thrown.
    var reads = true

    /// What is read is kept there, or not, as configs are.
    private var cache: ContentCache? { configs.cache }

    /// What a copy would push, with its bytes where they are at hand.
    fileprivate struct Expected {
        let digest: Digest
        var document: Manifest?
        /// The source's image, where this is chosen of it for platforms.
        var origin: Digest?

        init(_ digest: Digest) { self.digest = digest }

        init(_ document: Manifest) {
            digest = document.descriptor.digest
            self.document = document
        }

        func chosen(of origin: Digest) -> Expected {
            var expected = self
            expected.origin = origin
            return expected
        }
    }

    /// What a comparison came to.
    struct Outcome {
        let isEqual: Bool
        /// What the target's tag is to be, in the target's algorithm if it is.
        let expected: Digest
        /// What it is; `nil` where the target does not tell.
        let present: Digest?
        /// What a copy would push; `nil` where the target was given something later.
        let pushed: Digest?
        /// Of what that is chosen, where platforms are.
        let document: Digest?

        /// What is expected, and what of it the target has.
        fileprivate init(_ expected: Expected, equal: Digest?, present: Digest?) {
            isEqual = equal != nil
            self.expected = equal ?? expected.digest
            self.present = present
            pushed = expected.digest
            document = expected.origin
        }

        fileprivate init(later present: Digest) {
            (isEqual, expected, self.present, pushed, document) = (true, present, present, nil, nil)
        }
    }

    /// - Throws: ``CopyError`` when the source lacks the tag; `DocumentError`; what source and target throw.
    func compare(_ tag: EntryPlan.Tag, at target: any ImageTarget) async throws -> Outcome {
        // The target is known to have the tag.
        async let asked = target.asking { target async throws -> Digest? in
            if case .compare(let present?) = tag.decision { return present }
            if let present = try await target.resolve(.tag(tag.target)) { return present.digest }
            return try await target.manifest(.tag(tag.target))?.descriptor.digest
        }
        var expected = try await expected(of: tag, listed: tag.listed.digest)
        // A target that refuses to tell is written to: nothing says that it is equal.
        guard case .known(let present?) = try await asked else {
            return Outcome(expected, equal: nil, present: nil)
        }
        if let equal = try await equal(present, expected) { return Outcome(expected, equal: equal, present: present) }
        if try await isLater(present, than: tag) { return Outcome(later: present) }
        if let equal = try await shown(expected, under: tag, at: target) {
            return Outcome(expected, equal: equal, present: equal)
        }
        guard tag.listed.digest != nil else { return Outcome(expected, equal: nil, present: present) }
        // A listing may name another digest than the registry gives, for ever; the copy would push the registry's.
        expected = try await self.expected(of: tag, listed: nil)
        return Outcome(expected, equal: try await equal(present, expected), present: present)
    }

    /// Whether the target was given something since the cache's tag stands for what it does, which did not pass through the cache.
    private func isLater(_ present: Digest, than tag: EntryPlan.Tag) async throws -> Bool {
        guard source.isCache, let cache, let held = try await source.resolve(.tag(tag.source)) else { return false }
        let place = Names.Place(location: entry.target, tag: tag.target)
        guard try await cache.copies.last(to: place) == present else { return false }
        return try await cache.copies.isFormer(held.digest, of: [place])
    }

    /// What was copied there before may be there, whatever the target's HEAD says: the registry itself is asked once more.
    ///
    /// - Returns: what it shows, where that is what is expected.
    private func shown(
        _ expected: Expected,
        under tag: EntryPlan.Tag,
        at target: any ImageTarget
    ) async throws -> Digest? {
        let place = Names.Place(location: entry.target, tag: tag.target)
        guard try await cache?.copies.copied(to: place, from: tag.source, of: entry.source) == expected.digest,
            case .known(let there?) = try await target.asking({ try await $0.manifest(.tag(tag.target)) })
        else { return nil }
        return try await equal(there.descriptor.digest, expected)
    }

    /// Whether a copy of the source's image would push what has a digest.
    ///
    /// - Throws: as ``compare(_:at:)``.
    func wouldPush(_ document: Manifest, as digest: Digest) async throws -> Bool {
        try await equal(digest, reduced(document)) != nil
    }

    /// Whether a copy of an image in the cache would push what has a digest; what of it is missing there tells nothing.
    ///
    /// - Throws: `CacheError`.
    static func wouldPush(
        _ held: Descriptor,
        for entry: Configuration.Entry,
        as digest: Digest,
        from cache: ContentCache
    ) async throws -> Bool {
        guard let document = try cache.manifest(held) else { return false }
        let source = CachedSource(location: entry.source, cache: cache)
        let configs = ConfigReader(source: source, cache: cache)
        let comparison = DigestComparison(entry: entry, source: source, configs: configs)
        return (try? await comparison.wouldPush(document, as: digest)) == true
    }

    /// The digest of what a copy would push.
    ///
    /// - Throws: as ``compare(_:at:)``.
    func pushedDigest(of tag: EntryPlan.Tag) async throws -> Digest {
        try await expected(of: tag, listed: tag.listed.digest).digest
    }

    /// - Returns: the present digest when it names what is expected, whatever the algorithm.
    private func equal(_ present: Digest, _ expected: Expected) async throws -> Digest? {
        if present == expected.digest { return present }
        guard present.algorithm != expected.digest.algorithm,
            try await document(of: expected)?.isNamed(by: present) == true
        else { return nil }
        return present
    }

    /// Digests of different algorithms tell nothing about each other: the bytes do, which are fetched once.
    private func document(of expected: Expected) async throws -> Manifest? {
        if let document = try expected.document ?? cache?.manifest(expected.digest) { return document }
        if let document = try await read(.digest(expected.digest)) { return document }
        // What was made of it is made again.
        guard let origin = expected.origin, let image = try await read(.digest(origin)) else { return nil }
        return try await reduced(image).document
    }

    /// What a copy would push of the image with a digest, as far as the cache can tell.
    ///
    /// Nothing keeps an index there of which another image was chosen: what that was is noted.
    private func expected(of tag: EntryPlan.Tag, from image: Digest) async throws -> Expected? {
        guard let cache else { return nil }
        if let cached = try cache.manifest(image) { return try await reduced(cached) }
        let place = Names.Place(location: entry.target, tag: tag.target)
        return try await cache.copies.chosen(of: image, for: entry.platforms, at: place).map {
            Expected($0).chosen(of: image)
        }
    }

    private func expected(of tag: EntryPlan.Tag, listed: Digest?) async throws -> Expected {
        if let listed {
            guard !entry.platforms.isEmpty else { return Expected(listed) }
            if let expected = try await expected(of: tag, from: listed) { return expected }
        } else if entry.platforms.isEmpty || cache != nil {
            let told = try await source.resolve(.tag(tag.source), listedAs: nil, in: cache)
            guard let told else { throw source.absence(of: .tag(tag.source)) }
            if let read = told.manifest { return try await reduced(keep(read)) }
            guard !entry.platforms.isEmpty else { return Expected(told.descriptor.digest) }
            if let expected = try await expected(of: tag, from: told.descriptor.digest) { return expected }
        }
        guard let document = try await read(.tag(tag.source)) else {
            throw source.absence(of: .tag(tag.source))
        }
        return try await reduced(document)
    }

    private func read(_ reference: Reference) async throws -> Manifest? {
        guard reads else { throw CountedSource.Unread() }
        guard let document = try await source.manifest(reference) else { return nil }
        return try await keep(document)
    }

    private func keep(_ document: Manifest) async throws -> Manifest {
        if configs.keeps { try await cache?.store(document, from: entry.source) }
        return document
    }

    /// What a copy would push of a document: reducing an index gives the same bytes every time.
    private func reduced(_ document: Manifest) async throws -> Expected {
        let choice = try await PlatformChoice(of: entry.platforms, from: document) { try await index($0) }
        let expected: Expected
        switch choice.top {
        case .document(let whole):
            try await check(whole)
            expected = Expected(whole)
        case .child(let descriptor): expected = Expected(descriptor.digest)
        case .made(let manifest): expected = Expected(manifest)
        }
        return entry.platforms.isEmpty ? expected : expected.chosen(of: document.descriptor.digest)
    }

    /// An image that is for none of the platforms is an error, whatever the target has.
    private func check(_ whole: Manifest) async throws {
        guard !entry.platforms.isEmpty, case .image(let image) = whole.content else { return }
        let isHeld = try cache?.contains(image.config) ?? false
        guard reads || isHeld else { throw CountedSource.Unread() }
        try await ImageWalk(configs).check(whole, against: entry.platforms)
    }

    /// An index within an index, kept so that the next comparison needs no request for it.
    private func index(_ descriptor: Descriptor) async throws -> Manifest {
        if let cached = try cache?.manifest(descriptor) { return cached }
        guard reads else { throw CountedSource.Unread() }
        return try await keep(source.manifest(descriptor))
    }
}
