import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

/// The figures that triggers keep are those that counting gives.
@Suite(.timeLimit(.minutes(10)))
struct KeeperTests {
    private let first = SampleImage.image(layers: [.init(seed: 951, size: 5000)])
    private let second = SampleImage.image(layers: [.init(seed: 952, size: 7000)], labels: ["a": "b"])

    /// Blobs whose count of keepers is wrong.
    private static let wrong = """
        blobs WHERE keepers <>
            (SELECT count(*) FROM edges WHERE child = blobs.digest AND kind <> 'subject')
            + (SELECT count(*) FROM referrers JOIN blobs AS subjects ON subjects.digest = subject
                WHERE referrer = blobs.digest)
        """
    private static let wrongTotals = """
        totals WHERE blobs <> (SELECT count(*) FROM blobs WHERE state <> 'missing')
            OR bytes <> (SELECT total(size) FROM blobs WHERE state <> 'missing')
        """

    private func expectRight(_ timed: TimedCache, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try timed.count(Self.wrong) == 0, sourceLocation: sourceLocation)
        #expect(try timed.count(Self.wrongTotals) == 0, sourceLocation: sourceLocation)
    }

    @Test("In whatever order manifests, blobs, referrers and subjects come and go")
    func orders() async throws {
        let index = SampleImage.index(of: [first, second])
        let signature = SampleImage.artifact(of: first.top)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                // A referrer before its subject, an index before its children.
                try await NamesTests.store(signature, in: cache, as: "sig", of: "a")
                try expectRight(timed)
                try await NamesTests.store(index, in: cache, as: "index", of: "a")
                try expectRight(timed)
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await NamesTests.store(second, in: cache, as: "2", of: "b")
                try expectRight(timed)
                try remove(file(second.blobs[1].descriptor.digest, in: timed.path))
                try await cache.hold(second.all)
                try expectRight(timed)
            }
            for tag in ["index", "sig", "1"] {
                try await timed.open { _ = try await $0.remove(tag, of: "a") }
                timed.advance(hours: 3)
                try await timed.open { _ = try await $0.collect() }
                try expectRight(timed)
            }
            try await timed.open { _ = try await $0.remove("2", of: "b") }
            timed.advance(hours: 3)
            try await timed.open { _ = try await $0.collect() }
            try expectRight(timed)
            #expect(try timed.stored().isEmpty)
            #expect(try timed.count("blobs") == 0)
        }
    }

    @Test("They are counted when an older index is upgraded")
    func upgrade() async throws {
        let usage = try await FormerCacheTests.withCopy {
            try await TimedCache(path: $0).open { try await $0.inventory.usage() }
        }
        try await FormerCacheTests.withCopy { path in
            let timed = TimedCache(path: path)
            try timed.execute(
                """
                DROP TRIGGER edge_added; DROP TRIGGER edge_removed; DROP TRIGGER blob_added; DROP TRIGGER blob_removed;
                DROP TRIGGER blob_changed; DROP INDEX blobs_unkept; DROP TABLE totals; DROP TABLE reservations;
                ALTER TABLE blobs DROP COLUMN keepers; ALTER TABLE tags DROP COLUMN bytes;
                DELETE FROM grdb_migrations WHERE identifier IN ('4 keepers', '5 reservations');
                """
            )
            let upgraded = try await timed.open { try await $0.inventory.usage() }
            #expect(upgraded == usage)
            #expect(upgraded.tags == 4)
            try expectRight(timed)
        }
    }

    @Test("A pinned image is not removed, however large the cache is")
    func pins() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                timed.advance(hours: 1)
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                timed.advance(hours: 3)
            }
            try await timed.open { cache async throws in
                let pins: Set<ImageReference> = [try ImageReference("a:1")]
                let report = try await cache.collect(CollectionOptions(maximumSize: 1, pins: pins))
                #expect(report.evictedTags.map(\.tag?.description) == ["2"])
                #expect(report.remainingBytes == first.bytes)
                #expect(try timed.stored() == first.digests)
            }
        }
    }
}
