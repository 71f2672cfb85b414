import Cache
import Concurrency
import OCI

/// What a tag's image is made of, as far as that is known.
struct Appraisal: Sendable {
    /// `nil` when its manifests are not at hand.
    let graph: ImageGraph?
    /// Whether the target has it already.
    private(set) var isThere = false
    /// What refers to it and would come along.
    private(set) var referrers: [ImageGraph] = []
    /// Whether the target was given something that the source does not list any more.
    private(set) var hasWithdrawn = false
    /// What a run would tell of what it leaves out, one line each.
    private(set) var warnings: [String] = []
    /// What would be copied.
    var copied: [ImageGraph] { (isThere ? [] : graph.map { [$0] } ?? []) + referrers }
    /// What is known without the target and other tags.
    private(set) var cost: CopyCost
    /// The manifests that are to be read from the source.
    private(set) var reads: Set<Reference> = []

    /// Looks at a tag's image: its manifests from the cache, and from the source only where `reads` is set.
    ///
    /// - Parameters:
    ///   - tag: whose image it is.
    ///   - present: what the target has under the tag, where it seems to be something else.
    ///   - platforms: what is wanted of it.
    ///   - source: where it is.
    ///   - cache: where it may be.
    ///   - reads: whether manifests are read from the source.
    /// - Throws: ``CopyError`` for a tag that is gone and for platforms that no image has; what the source throws.
    init(
        of tag: EntryPlan.Tag,
        over present: Digest?,
        _ platforms: [PlatformPattern],
        from source: any ImageSource,
        _ cache: ContentCache?,
        reads: Bool
    ) async throws {
        let counted = CountedSource(source, reads: reads)
        let (name, listed) = (Reference.tag(tag.source), tag.listed.digest)
        let isHeld = try await source.isHeld(name, listedAs: listed, over: present, in: cache)
        do {
            guard let top = try await Self.top(of: tag, over: present, from: source, cache, reads: reads) else {
                throw CountedSource.Unread()
            }
            var walk = ImageWalk(source: counted, cache: cache)
            walk.configs.keeps = false
            // The topmost is read again by the copy, whoever has read it here.
            let isRead = try !source.isCache && (!isHeld || cache?.manifest(top.descriptor.digest) == nil)
            let image = try await walk.graph(of: top, platforms: platforms)
            (graph, warnings) = (image, image.warnings)
            cost = CopyCost(.manifests)
            if !source.isCache { self.reads = counted.asked.union(isRead ? [name] : []) }
        } catch is CountedSource.Unread {
            graph = nil
            cost = CopyCost(of: tag.listed, platforms) ?? CopyCost(.unknown)
            self.reads = isHeld ? [] : [name]
            if cost.basis == .listing { self.reads.formUnion(tag.listed.manifests(for: platforms)) }
        }
    }

    /// Looks at what refers to an image and would be copied with it, and finds what would make a run fail.
    ///
    /// - Parameters:
    ///   - job: what would be copied.
    ///   - source: where it is asked for.
    ///   - cache: what need not be.
    ///   - known: what the run knows.
    /// - Throws: ``CopyError``; ``TargetCollision``; what the source throws.
    mutating func addReferrers(
        of job: CopyJob,
        from source: any ImageSource,
        _ cache: ContentCache?,
        _ known: KnownContent
    ) async throws {
        guard let graph else { return }
        let counted = CountedSource(source, reads: true)
        let tags = try await job.referrerTags(source, known)
        let search = ReferrerSearch(source: source, cache: cache, tags: tags, notes: false)
        var read: Set<Reference> = []
        let last = try await search.forEachLevel(above: graph.subjects) { found in
            for found in found {
                warnings += found.leftOut(by: source)
                let given = isThere ? try await cache?.given.all(of: found.subject, to: job.target) ?? [] : []
                let own =
                    isThere ? try await cache?.given.content(of: job.gift(of: found.subject)).withdrawable ?? [] : []
                hasWithdrawn = hasWithdrawn || found.hasList && !own.isSubset(of: found.listed.map(\.digest))
                for referrer in found.referrers {
                    let digest = referrer.manifest.descriptor.digest
                    try await CopyError.naming(referrer.tag?.description ?? digest.description, of: found.subject) {
                        if try cache?.manifest(digest) == nil { read.insert(.digest(digest)) }
                        if let tag = referrer.tag { try known.referrerIndexes.take(tag, for: digest, by: job) }
                        guard !given.contains(digest) else { return }
                        var walk = ImageWalk(source: counted, cache: cache)
                        walk.configs.keeps = false
                        referrers.append(try await walk.graph(of: referrer.manifest, platforms: []))
                    }
                }
            }
        }
        if let last { warnings.append(ReferrerSearch.leftOut(above: last)) }
        if !source.isCache { reads.formUnion(read.union(counted.asked)) }
    }

    /// Of an image that the target has.
    init(there graph: ImageGraph) {
        self.graph = graph
        isThere = true
        cost = CopyCost(.manifests)
    }

    private static func top(
        of tag: EntryPlan.Tag,
        over present: Digest?,
        from source: any ImageSource,
        _ cache: ContentCache?,
        reads: Bool
    ) async throws -> Manifest? {
        if reads {
            let (name, listed) = (Reference.tag(tag.source), tag.listed.digest)
            let document = try await source.manifest(name, listedAs: listed, over: present, in: cache)
            if let document { return document }
        } else if let listed = tag.listed.digest {
            return try cache?.manifest(listed)
        } else if let told = try await source.resolve(.tag(tag.source), listedAs: nil, in: cache) {
            return try told.manifest ?? cache?.manifest(told.descriptor)
        }
        throw source.absence(of: .tag(tag.source))
    }
}

/// What has been counted already: what several tags need is read, downloaded, pushed and mounted once.
struct CostLedger {
    private struct Read: Hashable {
        let source: RepositoryReference
        let manifest: Reference
    }

    private static let parallelism = 8

    let cache: ContentCache?
    private let known = KnownContent()
    private var read: Set<Read> = []
    private var downloaded: Set<Digest> = []

    init(cache: ContentCache?) {
        self.cache = cache
    }

    /// - Throws: what is no refusal of the target to tell what it holds.
    mutating func cost(
        of appraisal: Appraisal,
        from source: RepositoryReference,
        to target: any ImageTarget,
        isEmpty: Bool
    ) async throws -> CopyCost {
        var cost = appraisal.cost
        cost.manifests = appraisal.reads.count { read.insert(Read(source: source, manifest: $0)).inserted }
        guard appraisal.graph != nil else { return cost }
        let place = target.location
        var seen: Set<Digest> = []
        let blobs = appraisal.copied.flatMap(\.blobs).filter { seen.insert($0.digest).inserted }
        let unknown = blobs.filter { !known.isKnown($0, as: .blob, in: place) }
        let there = try await unknown.map(limit: Self.parallelism) { blob in
            guard !isEmpty, case .known(true) = try await target.asking({ try await $0.contains(blob) }) else {
                return false
            }
            return true
        }
        for (blob, isThere) in zip(unknown, there) {
            let isNeighbour = source.host == place.host && source.repository != place.repository
            let home = known.home(of: blob, near: place) ?? (isNeighbour ? source.repository : nil)
            known.note(blob, as: .blob, in: place)
            if isThere { continue }
            guard home == nil else {
                cost.mount += blob.size
                continue
            }
            cost.push += blob.size
            if try cache?.contains(blob) != true, downloaded.insert(blob.digest).inserted { cost.download += blob.size }
        }
        return cost
    }
}
