import Archive
package import Cache
import Concurrency
package import Logging
import OCI
package import Registry
import Synchronization

/// Brings images together in the cache and writes them into archives.
package struct Exporter: Sendable {
    /// How many images are looked at, and fetched where need be, at a time.
    private static let parallelism = 4

    /// Says which tags entries select, which platforms they want, and how hosts are reached.
    let configuration: Configuration
    let cache: ContentCache
    /// `nil` for an export that asks nobody.
    private let places: ImagePlaces?
    let logger: Logger
    private let referrerTags = ReferrerTags.Listings()
    package let progress = SyncProgress()

    package init(configuration: Configuration, cache: ContentCache, client: RegistryClient?, logger: Logger) {
        self.configuration = configuration
        self.cache = cache
        self.logger = logger
        places = client.map {
            ImagePlaces(
                registries: configuration.registries,
                client: $0,
                health: MirrorHealth(logger: logger, clock: $0.clock)
            )
        }
    }

    /// Writes what is asked for; nothing is written before all of it is in the cache.
    ///
    /// A tag that the cache holds is exported as it is there, without a request, unless all targets were given something else
    /// since; others are fetched and kept.
    ///
    /// - Throws: ``ExportError``, ``CopyError``, `RegistryError`, `CacheError`, `DocumentError`, `CancellationError`.
    ///   Safe to repeat: volumes of the same set that are there and whole are left as they are.
    package func run(_ request: ExportRequest) async throws -> ExportReport {
        try request.checkDestination()
        if places == nil, !cache.isReadOnly { _ = try? await cache.names.settlePulled() }
        var plan = try await plan(request)
        if let key = request.signingKey { try plan.sign(with: key) }
        let archives = try await write(plan, request.destination)
        return ExportReport(
            archives: archives,
            images: plan.volumes[0].document.images,
            blobs: plan.blobs.count,
            bytes: plan.blobs.reduce(0) { $0 + $1.size },
            omittedBlobs: plan.omitted.count,
            omittedBytes: plan.omitted.reduce(0) { $0 + $1.blob.size },
            downloadedBytes: cache.statistics.downloadedBytes,
            set: plan.volumes[0].document.volume?.set
        )
    }

    private func plan(_ request: ExportRequest) async throws -> ArchivePlan {
        let meant = try await images(request)
        let contents = contents(of: meant, request)
        do {
            let plan = try await ArchivePlanner(cache).plan(contents)
            guard request.isDockerOnly else { return plan }
            let written = Set(plan.volumes[0].document.images.lazy.map { "\($0.reference)" })
            let rest = contents.images.map { "\($0.reference)" }.filter { !written.contains($0) }
            warn(
                of: meant.found.texts + rest,
                "signatures and the like are left out of an archive that is docker's alone"
            )
            return plan
        } catch let error as DockerArchiveError {
            throw ExportError(.unsuitable(error.images, missing: []))
        }
    }

    private func contents(of meant: Meant, _ request: ExportRequest) -> ArchiveContents {
        var contents = ArchiveContents(images: meant.images)
        contents.receipts = request.receipts
        contents.volumeSize = request.volumeSize
        contents.platforms = request.platforms
        contents.isDockerOnly = request.isDockerOnly
        contents.dispensable = meant.lookalikes
        // There it has no place, whole or not.
        if request.isDockerOnly { return contents }
        warn(ofIncomplete: meant.found.incomplete)
        for image in meant.found.attachments {
            contents.images.append(image.reference, image.descriptor)
            contents.attachments.insert("\(image.reference)")
        }
        contents.referrers = Array(meant.found.referrers)
        return contents
    }

    /// What is meant, and what refers to that.
    private struct Meant {
        var images = ImageList()
        /// Names of images that are no image's referrer, although they look like it.
        var lookalikes: Set<String> = []
        var found = HeldReferrers.Found()
    }

    private func images(_ request: ExportRequest) async throws -> Meant {
        let planner = Planner(configuration: configuration, cache: cache) { location in
            places?.source(at: location) ?? CachedSource(location: location, cache: cache)
        }
        progress.expect(entries: 1)
        let selected = try await ExportSelection(planner: planner, cache: cache, logger: logger)
            .selected(request.wishes)
        return try await keepingLayout {
            var meant = Meant()
            try await add(selected.choices, of: selected, request.platforms, to: &meant.images)
            let held = HeldReferrers(cache: cache)
            meant.found = try await held.found(of: meant.images)
            // A tag without an ending may be an image's own, and those with one may belong to it.
            for hasEnding in [false, true] {
                let rest = selected.lookalikes.filter {
                    $0.tag.description.contains(".") == hasEnding && !meant.found.claims($0.reference)
                }
                guard !rest.isEmpty else { continue }
                progress.expect(entries: 1)
                try await add(rest, of: selected, request.platforms, to: &meant.images, areDispensable: true)
                meant.lookalikes.formUnion(rest.map { "\($0.reference)" })
                meant.found = try await held.found(of: meant.images)
            }
            guard !meant.images.isEmpty else { throw ExportError(.nothing) }
            return meant
        }
    }

    private func add(
        _ choices: [ExportSelection.Choice],
        of selected: ExportSelection.Selected,
        _ platforms: [PlatformPattern],
        to images: inout ImageList,
        areDispensable: Bool = false
    ) async throws {
        progress.planned(tags: choices.count)
        let outcomes = try await assemble(choices, of: selected, platforms)
        var missing: [(image: ImageReference, digests: [Digest])] = []
        var unsuitable: [(image: ImageReference, reason: String)] = []
        var lacking: [PlatformPattern: [String]] = [:]
        var failures = ExportFailures()
        for (choice, outcome) in zip(choices, outcomes) {
            switch outcome {
            case .failed(let error): failures.add("\(choice.reference)", error)
            case .whole(let descriptor, let platforms):
                images.append(choice.reference, descriptor)
                for platform in platforms { lacking[platform, default: []].append("\(choice.reference)") }
            case .missing(let digests): missing.append((choice.reference, digests))
            case .unsuitable(let reason): unsuitable.append((choice.reference, reason))
            }
        }
        try failures.check()
        warn(ofLacking: lacking)
        if areDispensable {
            let reason = "tags that are named like a signature's have none of the platforms asked for, and are left out"
            warn(of: unsuitable.map { "\($0.image)" }, reason)
            unsuitable = []
        }
        guard unsuitable.isEmpty else { throw ExportError(.unsuitable(unsuitable, missing: missing)) }
        guard missing.isEmpty else { throw ExportError(.missing(missing)) }
    }

    private func assemble(
        _ choices: [ExportSelection.Choice],
        of selected: ExportSelection.Selected,
        _ platforms: [PlatformPattern]
    ) async throws -> [ImageAssembly.Outcome] {
        try await choices.map(limit: Self.parallelism) { choice in
            let outcome = try await ExportFailures.outcome {
                try await assembly(choice, of: selected, platforms).image(choice.tag)
            }
            progress.finished(failed: false)
            return outcome
        }
    }

    private func assembly(
        _ choice: ExportSelection.Choice,
        of selected: ExportSelection.Selected,
        _ platforms: [PlatformPattern]
    ) -> ImageAssembly {
        let entries = entries(for: choice, of: selected)
        let wanted = Set(entries.flatMap(\.platforms)).sorted { "\($0)" < "\($1)" }
        return ImageAssembly(
            cache: cache,
            location: choice.location,
            source: places?.source(at: choice.location),
            platforms: platforms,
            wantedPlatforms: entries.contains { $0.platforms.isEmpty } ? [] : wanted,
            wantsReferrers: entries.contains(where: \.includesReferrers),
            referrerTags: referrerTags,
            copies: entries.filter { !$0.normalizesOS }.map { Names.Place(location: $0.target, tag: choice.tag) },
            progress: progress
        )
    }

    /// Those that decide what is fetched of a tag: that were named and select it, else that select it, else all of its source.
    private func entries(
        for choice: ExportSelection.Choice,
        of selected: ExportSelection.Selected
    ) -> [Configuration.Entry] {
        if let named = selected.entries[choice] { return named.map { configuration.entries[$0] } }
        let all = configuration.entries.filter { $0.source == choice.location }
        let selecting = all.filter { $0.names(choice.tag) }
        return selecting.isEmpty ? all : selecting
    }

    /// The cache's own `index.json` follows the tags that were fetched, whatever became of the others.
    private func keepingLayout<Result>(_ body: () async throws -> Result) async throws -> Result {
        guard places != nil else { return try await body() }
        do {
            let result = try await body()
            try await cache.writeLayout()
            return result
        } catch {
            try? await cache.writeLayout()
            throw error
        }
    }

    private func write(_ plan: ArchivePlan, _ destination: ArchiveDestination) async throws -> [ExportReport.Archive] {
        if let stream = try destination.stream {
            guard let volume = plan.volumes.first, plan.volumes.count == 1 else {
                throw ExportError(.volumesToStandardOutput(count: plan.volumes.count))
            }
            let name = destination == .standardOutput ? "-" : stream.name
            try await write(volume, to: destination, named: name)
            return [.init(path: name, bytes: volume.size, wasThere: false)]
        }
        guard case .file(let path, let overwrites) = destination else { return [] }
        let lock = try ExportLock(path: path)
        defer { lock.release() }
        let count = plan.volumes.count
        var archives: [(volume: ArchiveVolume, destination: ArchiveDestination, archive: ExportReport.Archive)] = []
        for (position, volume) in plan.volumes.enumerated() {
            let path = VolumeName.path(path, number: position + 1, of: count)
            let destination = ArchiveDestination.file(path: path, overwrites: overwrites)
            let isThere = count > 1 && !overwrites && ArchiveOutput.isWritten(volume, at: path)
            if !isThere { try ArchiveOutput.check(destination) }
            archives.append((volume, destination, .init(path: path, bytes: volume.size, wasThere: isThere)))
        }
        for item in archives where !item.archive.wasThere {
            try await write(item.volume, to: item.destination, named: item.archive.path)
        }
        if overwrites { try removeFormer(of: path, count: count) }
        return archives.map(\.archive)
    }

    /// Removes what an export of the same name has left that had more archives, or fewer: it is replaced as a whole.
    private func removeFormer(of path: String, count: Int) throws {
        let slash = path.lastIndex(of: "/")
        let place = slash.map { String(path[...$0]) } ?? ""
        do throws(SystemError) {
            let directory = try Directory(path: place.isEmpty ? "." : place)
            for name in try directory.names() {
                let volume = VolumeName(place + name)
                let (whole, former) = (volume?.whole ?? place + name, volume?.count ?? 1)
                guard whole == path, former != count, try directory.status(name)?.isRegular == true else { continue }
                try directory.remove(name)
                logger.notice("removed an archive of the former set", metadata: ["file": "\(place)\(name)"])
            }
        } catch {
            throw CacheError(error, "remove the former archives", path: place.isEmpty ? "." : place)
        }
    }

    private func write(_ volume: ArchiveVolume, to destination: ArchiveDestination, named name: String) async throws {
        let transfer = progress.begin(name.displaySafe, size: volume.size)
        defer { progress.end(transfer) }
        let done = Counter()
        try await ArchiveOutput(cache).write(volume, to: destination) { count in
            progress.advance(transfer, to: done.add(count))
        }
    }
}

/// Bytes that have passed.
private final class Counter: Sendable {
    private let sum = Mutex<Int64>(0)

    func add(_ count: Int64) -> Int64 {
        sum.withLock { sum in
            sum += count
            return sum
        }
    }
}
