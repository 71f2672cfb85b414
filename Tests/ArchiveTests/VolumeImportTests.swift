import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct VolumeImportTests {
    private static let image = SampleImage.multiPlatform(layerSize: 30_000)
    private static let second = SampleImage.image(.docker, layers: [.init(seed: 77, size: 9000)])
    private static let sample = ArchiveSample(images: [(image, "a.example.com/x:1"), (second, "a.example.com/x:2")])
    private static let large = image.blobs.filter { $0.descriptor.size == 30_000 }[0].descriptor.digest

    /// Two volumes of whole blobs and three of parts.
    private static func volumes() throws -> [ByteBuffer] {
        let digests = sample.parts.map(\.descriptor.digest).filter { $0 != large }
        let half = digests.count / 2
        return try sample.volumes(
            [Array(digests[..<half]), Array(digests[half...])],
            splitting: [large: [10_000, 25_000]]
        )
    }

    @Test(
        "Volumes may come in any order; a tag appears when all that it needs is here",
        arguments: [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 3, 1, 0, 0, 4, 2]]
    )
    func anyOrder(order: [Int]) async throws {
        let volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            var seen: Set<Int> = []
            for number in order {
                let report = try await cache.importing(volumes[number], at: path)
                seen.insert(number)
                let missing = volumes.indices.filter { !seen.contains($0) }.map { $0 + 1 }
                #expect(report.volumes?.missing ?? [] == missing)
                let tags = try await cache.tagged()
                #expect(tags.keys.contains("a.example.com/x:1") == missing.isEmpty)
                // What has come is nobody's yet, but must not be lost.
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
            }
            #expect(
                try await cache.tagged()
                    == ["a.example.com/x:1": Self.image.digest, "a.example.com/x:2": Self.second.digest]
            )
            for part in Self.sample.parts {
                #expect(try contents(file(part.descriptor.digest, in: path)) == part.source.buffer)
            }
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test("When something is lost before the last volume comes, all of them again make the set whole, in any order")
    func lostBetween() async throws {
        let volumes = try Self.volumes()
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]] {
            try await withCache { cache, path async throws in
                for number in order.dropLast() { try await cache.importing(volumes[number], at: path) }
                let files = Self.image.blobs.map { file($0.descriptor.digest, in: path) }
                try Files.remove(#require(files.first(where: Files.exists)))
                await #expect(throws: CacheError.self) { try await cache.importing(volumes[order[4]], at: path) }
                for number in order { try await cache.importing(volumes[number], at: path) }
                #expect(try await cache.tagged().count == 2)
            }
        }
    }

    @Test("Volumes whose parts did not make a blob are all awaited again")
    func damagedParts() async throws {
        let volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            for number in 0..<4 { try await cache.importing(volumes[number], at: path) }
            let whole = try #require(try names("\(path)/ingest").first { $0.hasSuffix("-whole") })
            var bytes = try contents("\(path)/ingest/\(whole)")
            bytes.flipByte(at: 0)
            try write(bytes, to: "\(path)/ingest/\(whole)")
            let error = await #expect(throws: CacheError.self) { try await cache.importing(volumes[4], at: path) }
            #expect(error?.description.contains("import all volumes again") == true)
            for (number, missing) in [(4, [1, 2, 3, 4]), (2, [1, 2, 4]), (0, [2, 4])] {
                #expect(try await cache.importing(volumes[number], at: path).volumes?.missing == missing)
            }
            // What the second volume brought whole is here.
            #expect(try await cache.importing(volumes[3], at: path).volumes == nil)
            #expect(try await cache.tagged().count == 2)
        }
    }

    @Test("What volumes brought is kept for thirty days and a week, also over openings, and then given up")
    func expiry() async throws {
        let volumes = try Self.volumes()
        try await TemporaryDirectory.with { path in
            let clock = WallClock()
            var options = configuration("\(path)/cache")
            options.now = clock.now
            try await ContentCache.with(options) { cache async throws in
                _ = try await cache.importing(volumes[0], at: "\(path)/cache")
                _ = try await cache.importing(volumes[2], at: "\(path)/cache")
            }
            let kept = try names("\(path)/cache/blobs/sha256").count
            #expect(kept > 0)
            for days in [29, 2, 6] {
                clock.advance(days: Int64(days))
                try await ContentCache.with(options) { cache async throws in
                    #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
                }
            }
            clock.advance(days: 2)
            try await ContentCache.with(options) { cache async throws in
                // An image that is whole without the other volumes has its tag, and stays.
                let staying = try await Receipt(of: cache).blobs.count
                #expect(staying < kept)
                let collected = try await cache.collect(CollectionOptions(grace: .zero)).blobs
                #expect(collected == kept - staying)
            }
        }
    }

    @Test("A volume that comes later, or again, has all of its set be kept for thirty days more")
    func renewed() async throws {
        let volumes = try Self.volumes()
        try await TemporaryDirectory.with { path in
            let clock = WallClock()
            var options = configuration("\(path)/cache")
            options.now = clock.now
            for order in [[2, 3], [2, 2]] {
                for volume in order {
                    try await ContentCache.with(options) { cache async throws in
                        _ = try await cache.importing(volumes[volume], at: "\(path)/cache")
                    }
                    clock.advance(days: 29)
                }
            }
            try await ContentCache.with(options) { cache async throws in
                for volume in [0, 1, 4] { _ = try await cache.importing(volumes[volume], at: "\(path)/cache") }
                #expect(try await cache.tagged().count == 2)
            }
        }
    }

    @Test(
        "A clock that was wrong costs nothing of what volumes brought",
        arguments: [
            // Late when they came, and put right.
            [365],
            // Ahead for one command; late for one.
            [60, -60], [-365, 365],
            // Ahead for one command, long after it was ahead for another.
            [60, -60, 20, 60, -60],
        ]
    )
    func wrongClock(_ leaps: [Int64]) async throws {
        let volumes = try Self.volumes()
        try await TemporaryDirectory.with { path in
            let clock = WallClock()
            var options = configuration("\(path)/cache")
            options.now = clock.now
            try await ContentCache.with(options) { cache async throws in
                for volume in [0, 2] { _ = try await cache.importing(volumes[volume], at: "\(path)/cache") }
            }
            for days in leaps {
                clock.advance(days: days)
                try await ContentCache.with(options) { cache async throws in
                    #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
                }
            }
            try await ContentCache.with(options) { cache async throws in
                for volume in [1, 3, 4] { _ = try await cache.importing(volumes[volume], at: "\(path)/cache") }
                #expect(try await cache.tagged().count == 2)
            }
        }
    }

    @Test("A part with other bytes is refused, and what came before it stays")
    func damagedPart() async throws {
        var volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            try await cache.importing(volumes[2], at: path)
            let staged = try names("\(path)/ingest")
            // The blob's file, and the mark of the part that is in it.
            #expect(staged.count == 2)
            volumes[3].flipByte(at: volumes[3].readableBytes - 3000)
            let error = await #expect(throws: CacheError.self) { try await cache.importing(volumes[3], at: path) }
            #expect("\(error.map { "\($0)" } ?? "")".contains("holds other bytes than it should"))
            #expect(try names("\(path)/ingest") == staged)
        }
    }

    @Test("A blob that comes in parts takes its size once, and parts that are there are not written again")
    func inPlace() async throws {
        let volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            for number in [4, 2] { try await cache.importing(volumes[number], at: path) }
            let staged = try names("\(path)/ingest")
            let whole = try #require(staged.first { $0.hasSuffix("-whole") })
            let blob = try #require(Self.image.blobs.first { $0.descriptor.digest == Self.large }).source.buffer
            let held = try contents("\(path)/ingest/\(whole)")
            #expect(held.getSlice(at: 0, length: 10_000) == blob.getSlice(at: 0, length: 10_000))
            #expect(held.getSlice(at: 25_000, length: 5000) == blob.getSlice(at: 25_000, length: 5000))
            #expect(staged.count == 3 && held.readableBytes == 30_000)
            try await cache.importing(volumes[2], at: path)
            #expect(try names("\(path)/ingest") == staged)
            for number in [3, 0, 1] { try await cache.importing(volumes[number], at: path) }
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try contents(file(Self.large, in: path)) == blob)
        }
    }

    @Test("A part whose bytes were lost after it had been noted is brought again by its volume")
    func lostPart() async throws {
        let volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            try await cache.importing(volumes[2], at: path)
            let whole = try #require(try names("\(path)/ingest").first { $0.hasSuffix("-whole") })
            try write(ByteBuffer(repeating: 0, count: 10_000), to: "\(path)/ingest/\(whole)")
            for volume in volumes { try await cache.importing(volume, at: path) }
            #expect(Digest.of(try contents(file(Self.large, in: path))) == Self.large)
        }
    }

    @Test("A volume that is a single archive of its own needs no other")
    func single() async throws {
        let sample = ArchiveSample(images: [(Self.second, "a.example.com/x:2")])
        let volumes = try sample.volumes([sample.parts.map(\.descriptor.digest)])
        try await withCache { cache, path async throws in
            let report = try await cache.importing(volumes[0], at: path)
            #expect(report.volumes == nil && report.images.map(\.outcome) == [.added])
        }
    }

    @Test("What --only does not choose is awaited as before")
    func only() async throws {
        let volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            for volume in [0, 2, 3] { try await cache.importing(volumes[volume], at: path) }
            let staged = try names("\(path)/ingest")
            for _ in 0..<2 {
                let report = try await cache.importing(volumes[1], at: path) { $0.only = ["*:2"] }
                #expect(report.images.map(\.descriptor.digest) == [Self.second.digest] && report.volumes == nil)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
                #expect(try names("\(path)/ingest") == staged)
            }
            for volume in [1, 4] { try await cache.importing(volumes[volume], at: path) }
            #expect(try await cache.tagged().count == 2)
        }
    }

    @Test(
        "Of a set that was imported with --only nothing else is kept",
        arguments: [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]]
    )
    func onlyOfAll(order: [Int]) async throws {
        let volumes = try Self.volumes()
        try await TemporaryDirectory.with { path in
            let place = "\(path)/cache"
            try await ContentCache.with(configuration(place)) { cache async throws in
                for volume in order { try await cache.importing(volumes[volume], at: place) { $0.only = ["*:2"] } }
                #expect(try await cache.tagged() == ["a.example.com/x:2": Self.second.digest])
                #expect(try names("\(place)/ingest").isEmpty)
            }
            try await Self.collect(place)
            let chosen = ArchiveSample(images: [(Self.second, "a.example.com/x:2")])
            #expect(try names("\(place)/blobs/sha256").count == chosen.parts.count)
        }
    }

    @Test("What one import chose of a set is awaited when another's choice is whole")
    func onlyOfTwo() async throws {
        let volumes = try Self.volumes()
        try await TemporaryDirectory.with { path in
            let place = "\(path)/cache"
            try await ContentCache.with(configuration(place)) { cache async throws in
                for volume in [2, 0] { try await cache.importing(volumes[volume], at: place) { $0.only = ["*:1"] } }
                for volume in [0, 1] { try await cache.importing(volumes[volume], at: place) { $0.only = ["*:2"] } }
                #expect(try await cache.tagged().count == 1)
            }
            try await Self.collect(place)
            try await ContentCache.with(configuration(place)) { cache async throws in
                for volume in [1, 3, 4] { try await cache.importing(volumes[volume], at: place) { $0.only = ["*:1"] } }
                #expect(try await cache.tagged().count == 2)
            }
        }
    }

    @Test("A set whose images became whole and named another way is awaited no more", arguments: [false, true])
    func cameAnotherWay(isDryRun: Bool) async throws {
        let volumes = try Self.volumes()
        try await TemporaryDirectory.with { path in
            let place = "\(path)/cache"
            try await ContentCache.with(configuration(place)) { cache async throws in
                for volume in [0, 2] { try await cache.importing(volumes[volume], at: place) }
                try await cache.importing(try Self.sample.archive(), at: place)
                _ = try await cache.collect(CollectionOptions(grace: .zero, isDryRun: isDryRun))
                let repository = try RepositoryReference("a.example.com/x")
                for tag in ["1", "2"] { _ = try await cache.names.remove(try TagName(tag), of: repository) }
            }
            try await Self.collect(place)
            #expect(try names("\(place)/blobs/sha256").isEmpty)
        }
    }

    /// As a process of its own would: what an import has touched its scope keeps.
    private static func collect(_ place: String) async throws {
        try await ContentCache.with(configuration(place)) { cache async throws in
            _ = try await cache.collect(CollectionOptions(grace: .zero))
        }
    }

    @Test("Parts of a blob that came another way are removed, and those of one that did not stay")
    func needlessParts() async throws {
        let volumes = try Self.volumes()
        try await withCache { cache, path async throws in
            try await cache.importing(volumes[2], at: path)
            try await cache.importing(volumes[0], at: path)
            #expect(try await cache.collect(CollectionOptions(grace: .zero)).partials == 0)
            #expect(try names("\(path)/ingest").count == 2)
            try await cache.importing(try Self.sample.archive(), at: path)
            #expect(try await cache.collect(CollectionOptions(grace: .zero)).partials == 2)
            #expect(try names("\(path)/ingest").isEmpty)
            for volume in volumes { try await cache.importing(volume, at: path) }
            #expect(try await cache.tagged().count == 2)
        }
    }
}
