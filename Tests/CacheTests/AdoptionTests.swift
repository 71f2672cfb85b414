import CacheSupport
import Concurrency
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// Files under `blobs/` without a row, as a kill, a busy index or a full disk between the renaming and the row leaves them.
@Suite(.timeLimit(.minutes(10)))
struct AdoptionTests {
    private static let location = "registry.example.com/app"
    private let image = SampleImage.multiPlatform(seed: 31)

    /// What the index has lost.
    enum Loss: String, CaseIterable, Sendable {
        case rows
        case states

        var statement: String {
            switch self {
            case .rows: "PRAGMA foreign_keys = OFF; DELETE FROM manifests; DELETE FROM edges; DELETE FROM blobs"
            case .states: "UPDATE blobs SET state = 'missing', verified_at = NULL"
            }
        }
    }

    /// A cache with an image's files and nothing in the index that says so.
    private func withFiles(_ loss: Loss, _ body: (TimedCache) async throws -> Void) async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: Self.location) }
            try timed.execute("DELETE FROM names")
            try timed.execute(loss.statement)
            try await body(timed)
            #expect(try timed.stored() == image.digests)
            #expect(try timed.count("blobs WHERE state = 'ok'") == image.digests.count)
            #expect(try timed.count("manifests") == image.manifests.count)
        }
    }

    @Test("Holding an image adopts what has no row", arguments: Loss.allCases)
    func held(_ loss: Loss) async throws {
        try await withFiles(loss) { timed in
            try await timed.open { cache async throws in
                #expect(try await cache.hold(image.all) == image.digests)
                let transactions = cache.transactionCount
                #expect(try await cache.hold(image.all) == image.digests)
                #expect(cache.transactionCount == transactions + 1)
            }
        }
    }

    @Test("A sync of an image whose files are here ends with their rows, and a tag", arguments: Loss.allCases)
    func stored(_ loss: Loss) async throws {
        try await withFiles(loss) { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: Self.location)
                #expect(cache.statistics.downloads == 0)
            }
            #expect(try timed.count("tags") == 1)
        }
    }

    @Test("A tag adopts its image, down to the blobs", arguments: Loss.allCases)
    func tagged(_ loss: Loss) async throws {
        try await withFiles(loss) { timed in
            try await timed.open { cache async throws in
                let location = try RepositoryReference(Self.location)
                try await cache.names.record(TagName("1"), of: location, as: image.top)
            }
        }
    }

    @Test("What was only read of a cache is recorded when it is closed")
    func met() async throws {
        let content = bytes(5000)
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(content) }
            try timed.execute("DELETE FROM blobs")
            try await timed.open { cache async throws in
                let reader = try await cache.follow(blob(content), from: FakeSource([]))
                #expect(try await reader.all() == content)
                #expect(cache.transactionCount == 0)
            }
            #expect(try timed.count("blobs WHERE state = 'ok' AND verified_at IS NULL") == 1)
        }
    }

    @Test("An image that a server pulled becomes a tag although a row is lacking")
    func pulled() async throws {
        let image = SampleImage.image()
        let tag: TagName = "1"
        try await TimedCache.with { timed in
            let location = try RepositoryReference(Self.location)
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "other", of: "b")
                try await cache.names.recordPulled(.tag(tag), of: location, as: image.top)
            }
            let layer = try #require(image.blobs.last?.descriptor.digest)
            try timed.execute("DELETE FROM blobs WHERE hex(digest) LIKE '%\(layer.hex.uppercased())'")
            try await timed.open { cache async throws in
                #expect(try await cache.names.settlePulled() == 1)
                #expect(try await cache.names.resolve(.tag(tag), in: location) == image.top)
            }
        }
    }

    @Test("A blob that is renamed but not recorded is recorded by the next who asks for it")
    func unrecorded() async throws {
        let content = bytes(3_000_000)
        try await TimedCache.with { timed in
            try await timed.open { _ in }
            try timed.execute("CREATE TRIGGER stop BEFORE INSERT ON blobs BEGIN SELECT raise(ABORT, 'stop'); END")
            try await timed.open { cache async throws in
                let barrier = Barrier()
                let source = FakeSource([content], [.stall(at: 100, barrier)])
                let demand = Demand(grace: .seconds(1), timer: Timer(TestClock()))
                let client = try await cache.follow(blob(content), from: source, while: demand)
                let reader = try await cache.follow(blob(content), from: source)
                try await barrier.arrivals()
                barrier.open()
                await #expect(throws: CacheError.self) { try await reader.whenCommitted() }
                await #expect(throws: CacheError.self, "nobody is to push what is not kept") { try await reader.all() }
                #expect(try await client.all() == content, "it is whole and right")
                #expect(try timed.stored() == [blob(content).digest])
                try timed.execute("DROP TRIGGER stop")
                #expect(try await cache.hold([blob(content)]) == [blob(content).digest])
            }
            #expect(try timed.count("blobs") == 1)
        }
    }

    @Test("A manifest that is stored while a collection removes it is there afterwards, file and row")
    func collected() async throws {
        let image = SampleImage.image()
        let digest = image.top.digest
        try await TimedCache.with { timed in
            try await timed.open(clock: ContinuousClock()) { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: Self.location)
                _ = try await cache.remove("1", of: Self.location)
                let manifest = try #require(try cache.manifest(image.top))
                let lock = try await cache.store.locks.acquire(StoreLocks.shard(digest), .exclusive)
                try timed.execute("UPDATE blobs SET state = 'deleting' WHERE digest IN (SELECT digest FROM manifests)")
                try timed.execute("DELETE FROM manifests")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await cache.store(manifest, from: nil) }
                    try await Task.sleep(for: .milliseconds(100))
                    unlink(file(digest, in: timed.path))
                    try timed.execute("DELETE FROM blobs WHERE state = 'deleting'")
                    lock.unlock()
                    try await group.waitForAll()
                }
            }
            #expect(try timed.stored().contains(digest))
            #expect(try timed.count("manifests JOIN blobs USING (digest) WHERE state = 'ok'") == 1)
        }
    }

    @Test("A blob that has come back is not marked as missing")
    func back() async throws {
        let content = bytes(100)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await cache.add(content)
                try await cache.blobs.markMissing([blob(content).digest])
                #expect(try timed.count("blobs WHERE state = 'ok'") == 1)
                unlink(file(blob(content).digest, in: timed.path))
                try await cache.blobs.markMissing([blob(content).digest])
                #expect(try timed.count("blobs WHERE state = 'missing'") == 1)
            }
        }
    }
}
