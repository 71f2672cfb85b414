import CacheSupport
import GRDB
import OCI
import TestSupport
import Testing

@testable import Cache

/// A tag that was given on demand and one of a whole image: the newer of both is what it stands for.
@Suite(.timeLimit(.minutes(5)))
struct PulledNamesTests {
    private static let old = SampleImage.image(layers: [.init(seed: 731, size: 500)])
    private static let new = SampleImage.image(layers: [.init(seed: 732, size: 500)], labels: ["a": "b"])
    private static let tag: TagName = "1"
    private static let location = RepositoryReference(host: .dockerHub, repository: "library/a")

    /// A cache in which both images are whole under other names, at a time that does not move.
    private static func with(_ body: (ContentCache) async throws -> Void) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for (image, tag) in [(old, "old"), (new, "new")] {
                    try await NamesTests.store(image, in: cache, as: tag, of: "b")
                }
                try await body(cache)
            }
        }
    }

    private static func digests(_ cache: ContentCache) async throws -> [Digest] {
        try await cache.names.images(of: tag, in: location).map(\.descriptor.digest)
    }

    @Test("What a sync brings takes the place of what the tag was given on demand, which does not come back")
    func superseded() async throws {
        try await Self.with { cache async throws in
            try await cache.names.recordPulled(.tag(Self.tag), of: Self.location, as: Self.old.top)
            try await cache.names.record(Self.tag, of: Self.location, as: Self.new.top)
            #expect(try await cache.names.resolveAny(Self.tag, in: Self.location) == Self.new.top)
            #expect(try await cache.names.settlePulled() == 0)
            #expect(try await cache.names.resolve(.tag(Self.tag), in: Self.location) == Self.new.top)
            #expect(try await Self.digests(cache) == [Self.new.digest])
        }
    }

    @Test("So does what a sync finds as it was, after something else was given on demand; then it costs nothing")
    func confirmed() async throws {
        try await Self.with { cache async throws in
            try await cache.names.record(Self.tag, of: Self.location, as: Self.new.top)
            let history = try await cache.names.history(of: Self.tag, in: Self.location)
            try await cache.names.recordPulled(.tag(Self.tag), of: Self.location, as: Self.old.top)
            for cost in [1, 0] {
                let before = cache.transactionCount
                try await cache.names.record(Self.tag, of: Self.location, as: Self.new.top)
                #expect(cache.transactionCount - before == cost)
                #expect(try await Self.digests(cache) == [Self.new.digest])
            }
            #expect(try await cache.names.history(of: Self.tag, in: Self.location) == history)
        }
    }

    @Test("What is given on demand stands before the whole image, which is held until the other is found whole")
    func held() async throws {
        try await Self.with { cache async throws in
            try await cache.names.record(Self.tag, of: Self.location, as: Self.old.top)
            try await cache.names.recordPulled(.tag(Self.tag), of: Self.location, as: Self.new.top)
            #expect(try await Self.digests(cache) == [Self.new.digest, Self.old.digest])
            #expect(try await cache.names.settlePulled() == 1)
            #expect(try await Self.digests(cache) == [Self.new.digest])
            let history = try await cache.names.history(of: Self.tag, in: Self.location)
            #expect(history.map(\.digest) == [Self.new.digest, Self.old.digest])
            // And back again.
            try await cache.names.recordPulled(.tag(Self.tag), of: Self.location, as: Self.old.top)
            try await cache.names.recordPulled(.tag(Self.tag), of: Self.location, as: Self.new.top)
            #expect(try await Self.digests(cache) == [Self.new.digest])
        }
    }

    @Test("A tag is not forgotten that stands meanwhile for what its repository turned out to have")
    func recordedMeanwhile() async throws {
        try await Self.with { cache async throws in
            try await cache.names.recordPulled(.tag(Self.tag), of: Self.location, as: Self.new.top)
            for (digest, left) in [(Self.new.digest, [Self.new.digest]), (Self.old.digest, [])] {
                try await cache.store.index.write { db in
                    try db.names.forgetPulled(Self.tag, of: Self.location, unless: digest)
                }
                #expect(try await Self.digests(cache) == left)
            }
        }
    }

    @Test("A digest is recorded unless a manifest that a name keeps leads to it: one that nothing keeps is not enough")
    func childOfUnkept() async throws {
        let index = SampleImage.index(of: [Self.old, Self.new])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(index, in: cache, as: "1", of: "b")
                for isKept in [true, false] {
                    #expect(try await cache.names.isKept(Self.old.digest) == isKept)
                    let name = Reference.digest(Self.old.digest)
                    try await cache.names.recordPulled(name, of: Self.location, as: Self.old.top)
                    #expect(try await cache.names.pulled(from: Self.location) == (isKept ? [] : [Self.old.digest]))
                    _ = try await cache.remove("1", of: "b")
                }
                #expect(try await cache.names.isKept(Self.old.digest))
            }
        }
    }

    @Test("A cache of earlier versions loses the names that are older than what came whole, and no other")
    func migrated() throws {
        let queue = try DatabaseQueue()
        try Schema.migrator.migrate(queue, upTo: "15 awaited images")
        try queue.write { db in
            for image in [Self.old, Self.new] {
                try db.execute(
                    sql: "INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (?, 1, 'ok', 0, 0)",
                    arguments: [image.digest]
                )
                try db.execute(
                    sql: "INSERT INTO manifests (digest, media_type) VALUES (?, 'application/json')",
                    arguments: [image.digest]
                )
            }
            // When the tag of a whole image was given, and when the one on demand.
            for (tag, whole, pulled) in [("1", 5, 4), ("2", 4, 5), ("3", 4, 4), ("4", nil, 1)] as [(String, Int?, Int)]
            {
                let rows = [(Self.old.digest, false, pulled)] + (whole.map { [(Self.new.digest, true, $0)] } ?? [])
                for (digest, isWhole, time) in rows {
                    try db.execute(
                        sql: "INSERT INTO names VALUES ('a.io', 'a', ?, ?, ?, ?, 0)",
                        arguments: [tag, isWhole, digest, time]
                    )
                }
            }
        }
        try Schema.migrator.migrate(queue)
        let left = try queue.read { db in
            try String.fetchAll(db, sql: "SELECT reference || is_whole FROM names ORDER BY 1")
        }
        #expect(left == ["11", "20", "21", "30", "31", "40"])
    }
}
