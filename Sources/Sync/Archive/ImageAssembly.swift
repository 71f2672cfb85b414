import Archive
import Cache
import Concurrency
import OCI
import Registry

/// Finds one image in the cache, fetching what it lacks unless that is not wanted.
struct ImageAssembly: Sendable {
    /// How many blobs of one image are fetched at a time.
    private static let blobParallelism = 8

    /// What became of it.
    enum Outcome: Sendable {
        /// All of it, except the platforms asked for that it is not for while it is for others.
        case whole(Descriptor, lacking: [PlatformPattern])
        /// Offline, and this is not in the cache; nothing where even the tag is unknown.
        case missing([Digest])
        /// It has none of the platforms asked for; the reason says which it has.
        case unsuitable(String)
        case failed(any Error)
    }

    let cache: ContentCache
    let location: RepositoryReference
    /// `nil` asks nobody.
    let source: (any ImageSource)?
    /// What the archive gets of the image; all that there is where empty.
    let platforms: [PlatformPattern]
    /// What is fetched of an image where that is not there; all that there is where empty.
    let wantedPlatforms: [PlatformPattern]
    /// Whether what refers to an image is fetched with it.
    let wantsReferrers: Bool
    /// The tags of sources, among which what refers to content is kept.
    let referrerTags: ReferrerTags.Listings
    /// The targets' tags that are copies of the source's.
    let copies: [Names.Place]
    let progress: SyncProgress

    private var held: CachedSource { CachedSource(location: location, cache: cache) }
    /// The platforms that the image should be for; none for all.
    private var asked: [PlatformPattern] { platforms.isEmpty ? wantedPlatforms : platforms }

    /// - Throws: ``CopyError`` for a missing tag, `RegistryError`, `CacheError`, `DocumentError`, `CancellationError`.
    func image(_ tag: TagName) async throws -> Outcome {
        do {
            return try await wholeImage(tag)
        } catch let error as CopyError {
            guard case .noPlatform = error.kind else { throw error }
            return .unsuitable("\(error)")
        }
    }

    private func wholeImage(_ tag: TagName) async throws -> Outcome {
        guard let source else { return try await offline(tag) }
        // All targets may have had all of what they were given since, so that it never came here.
        if let document = try await document(of: tag, otherwise: source),
            try await !cache.copies.isFormer(document.descriptor.digest, of: copies)
        {
            let lacking = try await lacking(of: document, from: source)
            if let more = try await image(tag, having: lacking, from: source) {
                // Other platforms that the tag stands for here are not given up for those that only this archive gets.
                return try await following(more, tag, from: source) {
                    try await fetch(more, tag, from: source, isRecorded: platforms.isEmpty)
                }
            }
            return try await following(document, tag, from: source) {
                let outcome = try await complete(document, platforms, from: source)
                guard case .whole(let top, _) = outcome else { return outcome }
                if wantsReferrers { try await completeReferrers(of: top, from: source) }
                return .whole(top, lacking: lacking)
            }
        }
        guard let document = try await source.manifest(.tag(tag), listedAs: nil, over: nil, in: cache) else {
            try await cache.names.forgetPulled(.tag(tag), of: location)
            throw CopyError(.missingTag(.tag(tag), location))
        }
        return try await following(document, tag, from: source) {
            try await fetch(document, tag, from: source, isRecorded: true)
        }
    }

    /// Brings an image, or what the tag has come to be where the source has a part of it no more.
    private func following(
        _ document: Manifest,
        _ tag: TagName,
        from source: any ImageSource,
        _ bring: () async throws -> Outcome
    ) async throws -> Outcome {
        try await MovedTag.following(from: document.descriptor, bring) {
            try await source.manifest(.tag(tag), listedAs: nil, over: nil, in: cache).map { ($0, $0.descriptor) }
        } _: {
            try await fetch($0, tag, from: source, isRecorded: true)
        }
    }

    /// Those that are asked for and an image is not for.
    private func lacking(of document: Manifest, from source: any ImageSource) async throws -> [PlatformPattern] {
        let walk = ImageWalk(source: source, cache: cache)
        do {
            let choice = try await PlatformChoice(of: asked, from: document) {
                try await ImageWalk.manifest($0, from: source, cache)
            }
            guard case .document(let whole) = choice.top else { return choice.missing }
            return choice.missing + (try await walk.check(whole, against: asked).missing)
        } catch let error as CopyError {
            guard case .noPlatform = error.kind else { throw error }
            return asked
        }
    }

    /// The source's own image, where it has some of the platforms that are lacking here, or none is here.
    ///
    /// Asks for nothing where none are.
    private func image(
        _ tag: TagName,
        having lacking: [PlatformPattern],
        from source: any ImageSource
    ) async throws -> Manifest? {
        guard !lacking.isEmpty, let image = try await source.manifest(.tag(tag), listedAs: nil, over: nil, in: cache)
        else {
            return nil
        }
        // One that has none either tells best what it has.
        if !platforms.isEmpty, lacking.count == platforms.count { return image }
        return try await self.lacking(of: image, from: source).count < lacking.count ? image : nil
    }

    /// The manifest that the cache has under a tag; what it has lost of it comes from the source, like all that it lacks.
    private func document(of tag: TagName, otherwise source: any ImageSource) async throws -> Manifest? {
        guard let descriptor = try await held.resolve(.tag(tag)) else { return nil }
        if let here = try cache.manifest(descriptor) { return here }
        guard let document = try await source.manifest(.digest(descriptor.digest)) else { return nil }
        try await cache.store(document, from: location)
        return document
    }

    private func offline(_ tag: TagName) async throws -> Outcome {
        guard let descriptor = try await held.resolve(.tag(tag)) else { return .missing([]) }
        var seen: Set<Digest> = []
        let missing = Set(try await missing(of: descriptor, depth: 0, &seen))
        guard missing.isEmpty else { return .missing(missing.sorted()) }
        let document = try await held.manifest(descriptor)
        let outcome = try await topmost(of: document)
        guard platforms.isEmpty, case .whole(let top, _) = outcome else { return outcome }
        return .whole(top, lacking: try await lacking(of: document, from: held))
    }

    /// All that the cache lacks of the platforms asked for, as far as the manifests that it holds tell; of what is listed
    /// twice once.
    private func missing(
        of descriptor: Descriptor,
        depth: Int,
        _ seen: inout Set<Digest>
    ) async throws -> [Digest] {
        guard seen.insert(descriptor.digest).inserted else { return [] }
        guard !platforms.isEmpty, depth < ImageWalk.maximumDepth, descriptor.mediaType.isIndex,
            let document = try cache.manifest(descriptor), case .index(let index) = document.content
        else { return try await ArchiveClosure(of: descriptor, in: cache).missing.map(\.digest) }
        var missing: [Digest] = []
        for entry in index.entries where isWanted(entry, isNested: depth > 0) {
            missing += try await self.missing(of: entry.descriptor, depth: depth + 1, &seen)
        }
        return missing
    }

    /// An index without a platform may hold any; what lies in an index takes the platform of that one.
    private func isWanted(_ entry: ImageIndex.Entry, isNested: Bool) -> Bool {
        entry.platform.map { platform in platforms.contains { $0.matches(platform) } }
            ?? (isNested || entry.descriptor.mediaType.isIndex)
    }

    /// What the archive gets of an image in the cache; an index of some of its platforms is stored.
    private func topmost(of document: Manifest) async throws -> Outcome {
        let choice = try await PlatformChoice(of: platforms, from: document) { try await held.manifest($0) }
        switch choice.top {
        case .document(let whole):
            let lacking = try await ImageWalk(source: held, cache: cache).check(whole, against: platforms)
            return .whole(whole.descriptor, lacking: choice.missing + lacking.missing)
        case .child(let descriptor): return .whole(descriptor, lacking: choice.missing)
        case .made(let index):
            try await cache.store(index, from: location)
            return .whole(index.descriptor, lacking: choice.missing)
        }
    }

    private func fetch(
        _ document: Manifest,
        _ tag: TagName,
        from source: any ImageSource,
        isRecorded: Bool
    ) async throws -> Outcome {
        let outcome = try await complete(document, asked, as: isRecorded ? tag : nil, from: source)
        guard case .whole(let descriptor, _) = outcome else { return outcome }
        if isRecorded, document.descriptor != descriptor { try await cache.store(document, from: location) }
        // Before the tag is known: an export that breaks off here tries again.
        if wantsReferrers { try await fetchReferrers(of: descriptor, tag, from: source) }
        if isRecorded {
            try await PartialImage(tag: tag, location: location, cache: cache).record(descriptor, of: document)
        }
        return outcome
    }

    /// Brings all of an image into the cache, its manifests last; with a tag as what the source has under it.
    func complete(
        _ document: Manifest,
        _ platforms: [PlatformPattern],
        as tag: TagName? = nil,
        from source: any ImageSource
    ) async throws -> Outcome {
        var walk = ImageWalk(source: source, cache: cache)
        do {
            let graph = try await walk.graph(of: document, platforms: platforms)
            try await cache.hold(graph.descriptors)
            let missing = try graph.blobs.filter { try !cache.contains($0) }.sorted { $0.size > $1.size }
            try await missing.forEach(limit: Self.blobParallelism) { try await fetch($0, from: source) }
            for manifest in graph.children + [graph.top] { try await cache.store(manifest, from: location) }
            return .whole(graph.top.descriptor, lacking: graph.missingPlatforms)
        } catch let error where !(error is CopyError) {
            try? await cache.keep(walk.manifests, of: document, as: tag.map { .tag($0) }, from: location)
            throw error
        }
    }

    private func fetch(_ descriptor: Descriptor, from source: any ImageSource) async throws {
        let transfer = progress.begin("\(location.repository) \(descriptor.digest.short)", size: descriptor.size)
        defer { progress.end(transfer) }
        let blob = try await cache.follow(descriptor, from: source)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await blob.whenCommitted() }
            group.addTask {
                while true {
                    progress.advance(transfer, to: blob.arrived)
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        progress.advance(transfer, to: descriptor.size)
    }
}
