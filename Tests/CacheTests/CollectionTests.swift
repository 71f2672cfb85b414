import Cache
import CacheSupport
import GRDB
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// A cache in which the time stands where a test puts it.
struct TimedCache {
    static let start: Int64 = 2_000_000_000

    let path: String
    let now = Watched(start)

    func open<R>(
        clock: any Clock<Duration> = TestClock(),
        minimumFree: Int64? = nil,
        _ body: (ContentCache) async throws -> R
    ) async throws -> R {
        var configuration = configuration(path, clock: clock)
        configuration.minimumFree = minimumFree
        configuration.now = { [now] in now.value }
        return try await ContentCache.with(configuration, body)
    }

    func advance(hours: Int64) { now.update { $0 += hours * 3600 } }

    static func with<R>(_ body: (TimedCache) async throws -> R) async throws -> R {
        try await TemporaryDirectory.with { path in try await body(TimedCache(path: "\(path)/cache")) }
    }

    /// The digests of the blobs on the disk.
    func stored() throws -> Set<Digest> {
        Set(try names("\(path)/blobs/sha256").map { try Digest("sha256:\($0)") })
    }

    /// Runs a statement on the index as a program beside the cache would.
    func execute(_ sql: String) throws {
        let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    func count(_ table: String) throws -> Int {
        let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
        defer { try? queue.close() }
        return try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") } ?? 0
    }
}

extension SampleImage {
    /// Everything that it consists of.
    var all: [Descriptor] { (blobs + manifests).map(\.descriptor) }
    var digests: Set<Digest> { Set(all.map(\.digest)) }
    var bytes: Int64 { all.reduce(0) { $0 + $1.size } }
}

extension ContentCache {
    func remove(_ tag: String, of location: String) async throws -> Bool {
        try await names.remove(TagName(tag), of: RepositoryReference(location))
    }

    /// Downloads a blob that nothing refers to.
    func add(_ content: ByteBuffer) async throws {
        let descriptor = Descriptor(mediaType: .octetStream, bytes: content)
        try await follow(descriptor, from: FakeSource([content])).whenCommitted()
    }
}

@Suite(.timeLimit(.minutes(10)))
struct CollectionTests {
    private let index = SampleImage.multiPlatform(seed: 11)
    private let image = SampleImage.image(layers: [.init(seed: 21, size: 5000)], labels: ["a": "b"])

    @Test("What a tag names is kept with all that it needs; the rest goes, and its rows with it")
    func closure() async throws {
        let lone = bytes(3000, seed: 31)
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(index, in: cache, as: "1", of: "a")
                try await NamesTests.store(image, in: cache, as: "1", of: "b")
                try await cache.add(lone)
                #expect(try await cache.remove("1", of: "b"))
                timed.advance(hours: 3)
            }
            try await timed.open { cache async throws in
                let report = try await cache.collect()
                #expect(report.blobs == image.digests.subtracting(index.digests).count + 1)
                #expect(report.bytes == image.bytes + 3000)
                #expect(report.remainingBytes == index.bytes)
                #expect(try timed.stored() == index.digests)
                #expect(try await cache.hold(index.all) == index.digests)
                #expect(try await cache.hold(image.all).isEmpty)
            }
            #expect(try timed.count("blobs") == index.digests.count)
            #expect(try timed.count("manifests") == index.manifests.count)
            #expect(try timed.count("tag_history") == 1)
        }
    }

    @Test("A kept image keeps its referrers; a referrer does not keep its subject")
    func referrers() async throws {
        let signature = SampleImage.artifact(of: image.top)
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "b")
                try await NamesTests.store(signature, in: cache, as: "sig", of: "b")
                #expect(try await cache.remove("sig", of: "b"))
                timed.advance(hours: 3)
                #expect(try await cache.collect().blobs == 0)
                try await cache.names.record("sig", of: RepositoryReference("b"), as: signature.top)
                #expect(try await cache.remove("1", of: "b"))
                _ = try await cache.collect()
            }
            let stored = try timed.stored()
            #expect(stored.isSuperset(of: signature.digests) && stored.isDisjoint(with: image.digests))
        }
    }

    @Test("What was used within the grace stays, with all that it keeps")
    func grace() async throws {
        let lone = bytes(3000, seed: 31)
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await cache.add(lone)
                try await NamesTests.store(image, in: cache, as: "1", of: "b")
                #expect(try await cache.remove("1", of: "b"))
                timed.advance(hours: 1)
                #expect(try await cache.collect().blobs == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .seconds(3601))).blobs == 0)
            }
            // Looking at the manifest alone is enough, because what it needs would be missed next.
            timed.advance(hours: 2)
            try await timed.open { cache async throws in _ = try await cache.hold([image.top]) }
            try await timed.open { cache async throws in
                #expect(try await cache.collect().blobs == 1)
                #expect(try timed.stored() == image.digests)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).bytes == image.bytes)
                #expect(try timed.stored().isEmpty)
            }
        }
    }

    @Test("A lease keeps blobs while its owner lives, whatever the clock says, and no longer")
    func leases() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { owner async throws in
                try await NamesTests.store(image, in: owner, as: "1", of: "b")
                try await owner.hold([image.top])
                #expect(try await owner.remove("1", of: "b"))
                timed.advance(hours: 100)
                try await timed.open { other async throws in
                    #expect(try await other.collect().blobs == 0)
                    #expect(try timed.stored() == image.digests)
                }
            }
            let report = try await timed.open { try await $0.collect() }
            #expect(report.bytes == image.bytes)
        }
    }

    @Test("A download under way and its beginning are left alone; an old one of nobody goes")
    func partials() async throws {
        let content = bytes(200_000)
        let barrier = Barrier()
        try await TimedCache.with { timed async throws in
            try await timed.open { one async throws in
                let source = FakeSource([content], [.stall(at: 100_000, barrier)])
                let reader = try await one.follow(blob(content), from: source)
                try await barrier.arrivals()
                try write(bytes(10), to: "\(timed.path)/ingest/sha256-old")
                timed.now.update { $0 = systemSeconds() }
                try await timed.open { other async throws in
                    timed.advance(hours: 25)
                    let options = CollectionOptions(grace: .zero, isDryRun: true)
                    #expect(try await other.collect(options).partialBytes == 10)
                    #expect(exists("\(timed.path)/ingest/sha256-old"))
                    #expect(try await other.collect(CollectionOptions(grace: .zero)).partials == 1)
                    #expect(!exists("\(timed.path)/ingest/sha256-old"))
                    #expect(exists(partial(blob(content).digest, in: timed.path)))
                }
                barrier.open()
                #expect(try await reader.all() == content)
            }
            #expect(try timed.stored() == [blob(content).digest])
        }
    }

    @Test("Renamed but not yet recorded, a blob is not taken for rubbish")
    func beingCommitted() async throws {
        let content = bytes(2000)
        let digest = blob(content).digest
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try write(content, to: file(digest, in: timed.path))
                let descriptor = open(file(digest, in: timed.path), O_RDONLY)
                #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
                #expect(exists(file(digest, in: timed.path)))
                // Closing alone leaves the lock to a child that another test forks at this moment.
                _ = flock(descriptor, LOCK_UN)
                close(descriptor)
                // What a process left that died goes when it is as old as the grace.
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).bytes == 2000)
                #expect(!exists(file(digest, in: timed.path)))
            }
            #expect(try timed.count("blobs") == 0)
        }
    }

    @Test("A dry run tells the same numbers and changes nothing")
    func dryRun() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "b")
                try await cache.add(bytes(3000, seed: 31))
                try await cache.writeLayout()
                timed.advance(hours: 3)
                let transactions = cache.transactionCount
                let layout = try contents("\(timed.path)/index.json")
                let foreseen = try await cache.collect(CollectionOptions(maximumSize: 1, isDryRun: true))
                #expect(cache.transactionCount == transactions)
                #expect(try timed.stored().count == image.digests.count + 1)
                #expect(try contents("\(timed.path)/index.json") == layout)
                #expect(foreseen.bytes == image.bytes + 3000)
                #expect(foreseen.evictedTags.map(\.description) == ["docker.io/library/b:1"])
                #expect(try await cache.collect(CollectionOptions(maximumSize: 1)) == foreseen)
                #expect(try timed.stored().isEmpty)
                #expect(try contents("\(timed.path)/index.json") != layout)
            }
        }
    }

    @Test("A kill between the row and the file is finished at the next opening", arguments: [true, false])
    func killed(fileIsThere: Bool) async throws {
        let lone = bytes(3000, seed: 31)
        try await TimedCache.with { timed async throws in
            try await timed.open { try await $0.add(lone) }
            try timed.execute("UPDATE blobs SET state = 'deleting'")
            if !fileIsThere { try remove(file(blob(lone).digest, in: timed.path)) }
            try await timed.open { _ in }
            #expect(try timed.stored().isEmpty)
            #expect(try timed.count("blobs") == 0)
        }
    }

    @Test("Holding a blob whose deletion was begun by a process that died takes the deletion back")
    func heldWhileDeleting() async throws {
        let lone = bytes(3000, seed: 31)
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await cache.add(lone)
                try timed.execute("UPDATE blobs SET state = 'deleting'")
                #expect(try await cache.hold([blob(lone)]) == [blob(lone).digest])
                timed.advance(hours: 3)
                #expect(try await cache.collect().blobs == 0)
            }
            #expect(try timed.stored() == [blob(lone).digest])
        }
    }

    @Test("One cache holds and follows what another one collects: what it was told is there stays there")
    func race() async throws {
        let contents = (0..<40).map { bytes(2000, seed: UInt64($0 + 100)) }
        try await TimedCache.with { timed async throws in
            for _ in 0..<5 {
                try await timed.open { cache async throws in for content in contents { try await cache.add(content) } }
                timed.advance(hours: 3)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await timed.open(clock: ContinuousClock()) { _ = try await $0.collect() }
                    }
                    try await timed.open(clock: ContinuousClock()) { cache async throws in
                        for content in contents.reversed() {
                            try await cache.hold([blob(content)])
                            let reader = try await cache.follow(blob(content), from: FakeSource([content]))
                            try await reader.whenCommitted()
                            #expect(try await reader.all() == content)
                        }
                        try await group.waitForAll()
                        #expect(try timed.stored() == Set(contents.map { blob($0).digest }))
                        #expect(try await cache.hold(contents.map(blob)).count == contents.count)
                    }
                }
            }
        }
    }
}

func systemSeconds() -> Int64 { Int64(time(nil)) }
