import Cache
import Concurrency
import OCI

/// Copies one image through the cache: blobs, then manifests from the bottom up, the tag last.
struct ImageCopy: Sendable {
    /// How many blobs of one image are under way at once; the registries' own limits apply below that.
    static let blobParallelism = 16
    /// How many manifests of one image are asked for, or pushed, at once.
    static let manifestParallelism = 8
    /// How often a blob's upload begins again because the bytes behind it changed.
    static let repairAttempts = 4

    let job: CopyJob
    let source: any ImageSource
    let target: any ImageTarget
    let cache: ContentCache
    let known: KnownContent
    /// What was fetched before it was known that it is to be copied.
    let early: EarlyBytes
    let progress: SyncProgress
    /// What has passed so far, also of a copy that fails.
    let bytes = ByteCounter()

    /// An image whose manifests have been read.
    struct Image: Sendable {
        /// What the source's tag pointed at.
        let document: Manifest
        let graph: ImageGraph
    }

    var notes: TargetNotes { TargetNotes(job: job, cache: cache) }
    var configs: ConfigReader { ConfigReader(source: source, cache: cache, early: early) }

    /// Reads the manifests; keeps them only where one cannot be read.
    ///
    /// - Parameters:
    ///   - present: what the target has under the tag, where it seems to be something else.
    ///   - hasRead: is told what the tag is, before what is below that is read.
    /// - Returns: what there is to copy.
    /// - Throws: ``CopyError``, what source and target throw, `CacheError`, `DocumentError`, `CancellationError`. Safe to repeat.
    func read(over present: Digest? = nil, _ hasRead: (Manifest) -> Void = { _ in }) async throws -> Image {
        let document = try await source.manifest(job.reference, listedAs: job.listed, over: present, in: cache)
        guard let document else {
            if !source.isCache { try await cache.names.forgetPulled(job.reference, of: job.source) }
            throw source.absence(of: job.reference)
        }
        hasRead(document)
        var walk = ImageWalk(configs)
        do {
            return Image(document: document, graph: try await walk.graph(of: document, platforms: job.platforms))
        } catch let error where !(error is CopyError) {
            if !source.isCache {
                try? await cache.keep(walk.manifests, of: document, as: job.reference, from: job.source)
            }
            throw error
        }
    }

    /// - Parameters:
    ///   - image: what ``read()`` has given.
    ///   - turn: what the image has while its blobs are not there; while its manifests wait for their answers the next
    ///     image's blobs go out.
    /// - Returns: what it came to.
    /// - Throws: as ``read()``. Safe to repeat.
    func run(_ image: Image, _ turn: Turn? = nil) async throws -> CopyOutcome {
        let graph = image.graph
        try await cache.hold(graph.descriptors)
        try graph.require(from: source, in: cache)
        let former = try await cache.copies.last(to: job.place)
        var (referrers, given) = (ReferrerCopy.Outcome?.none, TagGift())
        do {
            try await push(graph, turn) {
                // Before the tag: a run that is stopped after it finds the target up to date and records nothing.
                if source.isCache { try await notes.note(graph.top.descriptor.digest) } else { try await record(image) }
                try await noteChoice(of: image)
                if job.includesReferrers, referrers == nil {
                    referrers = try await ReferrerCopy(copy: self, graph: graph).run()
                }
                let gift = KnownContent.Gift(place: job.place, digest: graph.top.descriptor.digest)
                given = try await known.gifts.value(for: gift, isGood: { _ in true }) {
                    try await target.give(graph.top, as: job.tag, after: former)
                }
                known.note(graph.top.descriptor, as: .manifest, in: job.target)
            }
        } catch {
            await fail(image, after: former, error)
            throw error
        }
        try await notes.settleDoubt()
        let brought = referrers ?? ReferrerCopy.Outcome()
        var outcome = CopyOutcome(image, brought, warnings: given.warnings)
        outcome.isAlreadyThere = !given.isNew && !brought.hasWritten
        return outcome
    }

    /// Pushes an image, its topmost manifest last and as the caller stores it.
    func push(
        _ graph: ImageGraph,
        _ turn: Turn? = nil,
        storingTop: () async throws -> Void
    ) async throws {
        let image = progress.beginImage(size: graph.blobs.reduce(0) { $0 + $1.size })
        defer { progress.endImage(image) }
        try await sendBlobs(of: graph, lookingFirst: !job.targetIsEmpty) {
            progress.done(image, $0.size)
            turn?.blobIsThere()
        }
        turn?.giveBack()
        do {
            try await sendChildren(of: graph)
            try await storingTop()
        } catch let error as any TargetRefusal where error.isIgnoranceOfContent || error.isRefusalOfManifest {
            try await sendAgain(graph, after: error, storingTop)
        }
    }

    /// Sends what the registry lacks after all.
    ///
    /// It answered HEAD with 200 for what it does not have, or lost it since: Artifactory does both. What it names comes first;
    /// where it names nothing, or misses more then, all does. What this run has sent is only sent again where the registry
    /// says that blobs are what it lacks. Where it refuses in other words, only what was mounted is in doubt.
    private func sendAgain(
        _ graph: ImageGraph,
        after error: any TargetRefusal,
        _ storingTop: () async throws -> Void
    ) async throws {
        func send(_ parts: Set<Digest>?, after error: any TargetRefusal) async throws {
            known.forget(graph, in: job.target, sparingSent: !error.isMissingContent, only: parts)
            try await sendBlobs(of: graph, lookingFirst: false)
            try await sendChildren(of: graph)
            try await storingTop()
        }
        do {
            let lost =
                error.isIgnoranceOfContent
                ? error.missingContent.intersection(graph.descriptors.map(\.digest))
                : known.mounted(of: graph, in: job.target)
            guard !lost.isEmpty else { throw error }
            try await send(lost, after: error)
        } catch let error as any TargetRefusal where error.isIgnoranceOfContent {
            do {
                try await send(nil, after: error)
            } catch let error as any TargetRefusal where error.isMissingContent {
                throw error.naming(foreignLayersOf: graph)
            }
        }
    }

    private func sendBlobs(
        of graph: ImageGraph,
        lookingFirst: Bool,
        done: @escaping @Sendable (Descriptor) -> Void = { _ in }
    ) async throws {
        try await graph.blobs.sorted { $0.size > $1.size }.forEach(limit: Self.blobParallelism) { blob in
            do {
                try await send(blob, lookingFirst: lookingFirst)
            } catch let error as any TargetRefusal {
                guard let name = graph.name(ofEntry: blob) else { throw error }
                throw error.about(name)
            }
            done(blob)
        }
    }

    /// Those that refer to no other manifest first, as they need not wait for each other.
    private func sendChildren(of graph: ImageGraph) async throws {
        let isAlone = { (child: Manifest) in !child.descriptor.mediaType.isIndex && child.subject == nil }
        try await graph.children.filter(isAlone).forEach(limit: Self.manifestParallelism) { child in
            try await send(child, of: graph)
        }
        for child in graph.children where !isAlone(child) { try await send(child, of: graph) }
    }

    private func send(_ child: Manifest, of graph: ImageGraph) async throws {
        _ = try await known.ensure(child.descriptor, as: .manifest, in: job.target) {
            do {
                try await target.store(child, as: nil)
            } catch let error as any TargetRefusal {
                throw error.about(graph.name(of: child))
            }
            return .stored(bytes: child.descriptor.size)
        }
    }

    /// Keeps the manifests of an image whose blobs the cache holds.
    ///
    /// - Returns: whether it does.
    @discardableResult
    func record(_ graph: ImageGraph) async throws -> Bool {
        guard try graph.blobs.allSatisfy(cache.contains) else { return false }
        for manifest in graph.children + [graph.top] {
            try await cache.store(manifest, from: job.source)
        }
        return true
    }

    /// Notes what the target's tag is given, and names it where it is here.
    private func record(_ image: Image) async throws {
        let (document, graph) = (image.document, image.graph)
        // Asked once: its blobs may be on their way for another target.
        let isHere = try await record(graph)
        // A later comparison can then tell what would be pushed without asking for the indexes again.
        for index in graph.nested { try await cache.store(index, from: job.source) }
        if document.descriptor != graph.top.descriptor { try await cache.store(document, from: job.source) }
        guard case .tag(let tag) = job.reference, isHere else {
            try await notes.note(graph.top.descriptor.digest)
            return try await cache.names.forgetPulled(job.reference, of: job.source, unless: document.descriptor.digest)
        }
        var held = PartialImage(tag: tag, location: job.source, cache: cache, place: job.place)
        held.others = job.others
        try await held.record(graph.top.descriptor, of: document)
    }

    /// Keeps what was read of an image that the target has not taken.
    ///
    /// One that has come whole becomes the cache's tag, as one does whose tag alone is refused.
    ///
    /// - Returns: whether it has.
    private func keep(_ image: Image) async throws -> Bool {
        guard !source.isCache, !cache.isReadOnly else { return false }
        try await keepManifests(of: image)
        // Some of it may have come only just now.
        guard try image.graph.blobs.allSatisfy(cache.contains) else { return false }
        try await record(image)
        return true
    }

    /// Keeps what was read of an image of which nothing was copied.
    func keepManifests(of image: Image) async throws {
        guard !source.isCache else { return }
        let (document, graph) = (image.document, image.graph)
        let manifests = graph.children + graph.nested + [graph.top]
        try await cache.keep(manifests, of: document, as: job.reference, from: job.source)
    }

    /// Writes what is known after a copy that failed, also where the task has been cancelled.
    ///
    /// Why it failed matters more than that this cannot be written either.
    private func fail(_ image: Image, after former: Digest?, _ error: any Error) async {
        try? await uncancelled { [self] in
            var isNamed = false
            do {
                isNamed = try await keep(image)
            } catch let error as CacheError where error.kind == .locked {
                // All that follows would wait as long.
                throw error
            } catch {}
            // What was not taken has not been given; of what was stopped nobody knows.
            try? await notes.note(error.isCancellation ? nil : former, isLater: isNamed)
            let isUnknown = error.isCancellation || (error as? any TargetRefusal)?.isUnconfirmed == true
            if isUnknown { try await notes.doubt() }
        }
    }
}
