import Cache
import OCI
import Registry

/// Copies one image through the cache: blobs, then manifests from the bottom up, the tag last.
struct ImageCopy: Sendable {
    /// How many blobs of one image are under way at once; the registries' own limits apply below that.
    static let blobParallelism = 8
    /// How often a blob's upload begins again because the bytes behind it changed.
    static let repairAttempts = 4

    let job: CopyJob
    let source: any ImageSource
    let target: Repository
    let cache: ContentCache
    let ledger: TargetLedger
    let progress: SyncProgress

    /// - Throws: ``CopyError``, `RegistryError`, `CacheError`, `DocumentError`, `CancellationError`. Safe to repeat.
    func run() async throws -> CopyOutcome {
        guard let document = try await source.manifest(job.reference) else {
            throw source.absence(of: job.reference)
        }
        var walk = ImageWalk(source: source, cache: cache)
        let graph = try await walk.graph(of: document, platforms: job.platforms)
        try await cache.hold(graph.descriptors)
        try requireIfOffline(graph)
        var bytes = try await push(graph) {
            // Before the tag: a run that is stopped after it finds the target up to date and records nothing.
            if !source.isCache { try await record(graph, of: document) }
            try await target.store(graph.top, as: job.includesReferrers ? nil : job.tag)
            ledger.note(graph.top.descriptor.digest, in: job.target)
        }
        var referrers = 0
        if job.includesReferrers {
            let copied = try await ReferrerCopy(copy: self).run(for: subjects(graph))
            bytes += copied.bytes
            referrers = copied.count
            try await target.store(graph.top, as: job.tag)
        }
        return CopyOutcome(
            source: graph.source,
            pushed: graph.top.descriptor,
            bytes: bytes,
            missingPlatforms: graph.missingPlatforms,
            referrers: referrers
        )
    }

    /// Finds out whether the cache, as the source, holds all of the image; writes nothing.
    ///
    /// - Throws: as ``run()``.
    func rehearse() async throws {
        guard let document = try await source.manifest(job.reference) else { throw source.absence(of: job.reference) }
        var walk = ImageWalk(source: source, cache: cache)
        try requireIfOffline(try await walk.graph(of: document, platforms: job.platforms))
    }

    /// - Throws: ``CopyError`` when the cache is the source and lacks a blob.
    func requireIfOffline(_ graph: ImageGraph) throws {
        guard source.isCache, let lost = graph.blobs.first(where: { !cache.contains($0) }) else { return }
        throw source.absence(of: .digest(lost.digest))
    }

    /// The manifests that something at the source may refer to: all but an index made here.
    private func subjects(_ graph: ImageGraph) -> [Digest] {
        ((graph.isMade ? [] : [graph.top]) + graph.children).map(\.descriptor.digest)
    }

    /// Pushes an image, its topmost manifest last and as the caller stores it.
    func push(_ graph: ImageGraph, storingTop: () async throws -> Void) async throws -> ByteTally {
        var bytes = try await sendBlobs(of: graph, lookingFirst: !job.targetIsEmpty)
        do {
            try await sendChildren(of: graph)
            try await storingTop()
        } catch let error as RegistryError where error.isMissingContent {
            // The registry answered HEAD with 200 for what it does not have, or lost it since: Artifactory does both.
            ledger.forget(graph.descriptors.map(\.digest), in: job.target)
            bytes += try await sendBlobs(of: graph, lookingFirst: false)
            try await sendChildren(of: graph)
            try await storingTop()
        }
        return bytes
    }

    private func sendBlobs(of graph: ImageGraph, lookingFirst: Bool) async throws -> ByteTally {
        let blobs = graph.blobs.sorted { $0.size > $1.size }
        return try await withThrowingTaskGroup(of: ByteTally.self) { group in
            var total = ByteTally()
            for (position, blob) in blobs.enumerated() {
                if position >= Self.blobParallelism, let bytes = try await group.next() { total += bytes }
                group.addTask { try await send(blob, lookingFirst: lookingFirst) }
            }
            for try await bytes in group { total += bytes }
            return total
        }
    }

    private func sendChildren(of graph: ImageGraph) async throws {
        for child in graph.children {
            _ = try await ledger.ensure(child.descriptor.digest, in: job.target) {
                try await target.store(child, as: nil)
                return .stored(bytes: child.descriptor.size)
            }
        }
    }

    /// Keeps the manifests of an image whose blobs the cache holds.
    func record(_ graph: ImageGraph) async throws {
        guard graph.blobs.allSatisfy(cache.contains) else { return }
        for manifest in graph.children + [graph.top] {
            try await cache.store(manifest, from: job.source)
        }
    }

    private func record(_ graph: ImageGraph, of document: Manifest) async throws {
        try await record(graph)
        // A later comparison can then tell what would be pushed without asking for the indexes again.
        for index in graph.nested { try await cache.store(index, from: job.source) }
        if document.descriptor != graph.top.descriptor { try await cache.store(document, from: job.source) }
        guard case .tag(let tag) = job.reference, graph.blobs.allSatisfy(cache.contains) else { return }
        try await cache.names.record(tag, of: job.source, as: graph.top.descriptor)
    }
}

extension RegistryError {
    /// The registry lacks something that a manifest refers to, whatever it said of it before.
    var isMissingContent: Bool {
        if case .blobUnknown = kind { true } else { false }
    }
}
