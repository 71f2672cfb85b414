import CacheSupport
import GRDB
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(10)))
struct InventoryTests {
    @Test("The overview has all images, with all their names, bytes and last use, known or to be summed")
    func overview() async throws {
        let images = (1...3).map { SampleImage.image(layers: [.init(seed: UInt64(710 + $0), size: 5000 * $0)]) }
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for (tag, image) in zip(["3", "1", "2"], images) {
                    try await NamesTests.store(image, in: cache, as: tag, of: "a")
                    timed.advance(hours: 1)
                }
                try await cache.names.record("b", of: RepositoryReference("a"), as: images[0].top)
                try await cache.names.recordPulled(.tag("p"), of: RepositoryReference("z"), as: images[1].top)
            }
            try timed.execute("UPDATE names SET bytes = -1 WHERE reference = '2'")
            try await timed.open { cache async throws in
                let all = try await cache.inventory.images()
                let overview = try await cache.inventory.overview()
                #expect(overview.images.map(\.references) == all.map(\.references))
                #expect(overview.images.map(\.digest) == all.map(\.descriptor.digest))
                #expect(overview.images.map(\.bytes) == all.map { $0.uniqueBytes + $0.sharedBytes })
                #expect(overview.images.map(\.lastUse) == all.map(\.lastUse))
                #expect(overview.images.map(\.digest) == [images[1], images[2], images[0]].map(\.digest))
                #expect(overview.usage.tags == 5)
            }
        }
    }

    @Test("Unique bytes are what removing an image frees, shared ones what others need too")
    func sharing() async throws {
        let common = SampleImage.Layer(seed: 701, size: 40_000)
        let first = SampleImage.image(layers: [common, .init(seed: 702, size: 5000)])
        let second = SampleImage.image(layers: [common, .init(seed: 703, size: 7000)], labels: ["a": "b"])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                try await cache.names.record("latest", of: RepositoryReference("b"), as: second.top)
                try await cache.add(bytes(900, seed: 31))
                let images = try await cache.inventory.images()
                #expect(
                    images.map { $0.references.map(\.description) } == [
                        ["docker.io/library/a:1"], ["docker.io/library/a:2", "docker.io/library/b:latest"],
                    ]
                )
                #expect(images.map(\.sharedBytes) == [40_000, 40_000])
                #expect(images.map(\.uniqueBytes) == [first.bytes - 40_000, second.bytes - 40_000])
                #expect(
                    images.map(\.platforms) == [
                        [Platform(os: "linux", architecture: "amd64")], [Platform(os: "linux", architecture: "amd64")],
                    ]
                )
                let alone = try await cache.inventory.bytesAlone(of: [first.digest, second.digest, Digest.of(bytes(1))])
                #expect(alone == [first.digest: first.bytes - 40_000, second.digest: second.bytes - 40_000])
                let usage = try await cache.inventory.usage()
                let held = first.bytes + second.bytes - 40_000
                #expect(usage.bytes == held + 900)
                #expect(usage.unreferencedBytes == 900)
                #expect(usage.logicalBytes == first.bytes + 2 * second.bytes)
                #expect(usage.savedBytes == 40_000 + second.bytes)
                #expect(usage.tags == 3)
                #expect(usage.blobs == first.digests.union(second.digests).count + 1)
                #expect(try await cache.remove("1", of: "a"))
            }
            timed.advance(hours: 3)
            let freed = try await timed.open { try await $0.collect().bytes }
            #expect(freed == first.bytes - 40_000 + 900)
        }
    }

    @Test(
        "An image of which clients have pulled one platform counts as it is listed: its tag, its bytes, what it shares"
    )
    func pulledInParts() async throws {
        let common = SampleImage.Layer(seed: 711, size: 40_000)
        let amd64 = SampleImage.image(layers: [common, .init(seed: 712, size: 5000)])
        let arm64 = SampleImage.image(
            platform: Platform(os: "linux", architecture: "arm64"),
            layers: [.init(seed: 713, size: 7000)]
        )
        let index = SampleImage.index(of: [amd64, arm64])
        let whole = SampleImage.image(layers: [common, .init(seed: 714, size: 900)], labels: ["a": "b"])
        let location = try RepositoryReference("a")
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                let top = try Manifest(bytes: index.topBytes, contentType: nil, expected: index.top)
                try await cache.store(top, from: location)
                try await cache.names.recordPulled(.tag("1"), of: location, as: index.top)
                for part in amd64.manifests {
                    let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
                    try await cache.store(manifest, from: location)
                }
                let source = FakeSource(Array(amd64.blobBytes.values))
                for part in amd64.blobs { try await cache.follow(part.descriptor, from: source).whenCommitted() }
                let partly = amd64.bytes + index.top.size
                var usage = try await cache.inventory.usage()
                #expect(usage.tags == 1)
                #expect((usage.bytes, usage.logicalBytes, usage.savedBytes) == (partly, partly, 0))
                // An older image that the same tag names is whole, and shares a layer.
                try await NamesTests.store(whole, in: cache, as: "1", of: "a")
                try await cache.names.recordPulled(.tag("1"), of: location, as: index.top)
                usage = try await cache.inventory.usage()
                let images = try await cache.inventory.images()
                #expect(images.count == 2)
                #expect(usage.tags == 1)
                #expect(usage.logicalBytes == images.reduce(0) { $0 + $1.uniqueBytes + $1.sharedBytes })
                #expect(usage.savedBytes == 40_000)
                #expect(usage.unreferencedBytes == 0)
            }
        }
    }

    @Test("More names than are summed together count each once", arguments: [4095, 4096, 4097, 9000])
    func manyNames(count: Int) async throws {
        let image = SampleImage.image(layers: [.init(seed: 717, size: 3000)])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                try await cache.store.index.write { db in
                    // Every third tag names a newer image in part as well, every tenth name's sum is not known, and a
                    // tenth of the names are digests.
                    try db.execute(
                        sql: """
                            WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                            INSERT INTO names SELECT host, 'b' || (i % 7), iif(i % 10 = 3, 'sha256:', 'v') || i, 1, digest,
                                updated_at, iif(i % 10 = 7, -1, bytes) FROM names, n
                            """,
                        arguments: [count]
                    )
                    try db.execute(
                        sql: """
                            INSERT INTO names SELECT host, repository, reference, 0, digest, updated_at, bytes
                            FROM names WHERE reference GLOB 'v*[147]'
                            """
                    )
                }
                let usage = try await cache.inventory.usage()
                let (names, tags) = try await cache.store.index.read { db in
                    (
                        try Int64.fetchOne(db, sql: "SELECT count(*) FROM names"),
                        try Int.fetchOne(
                            db,
                            sql: "SELECT count(*) FROM names WHERE is_whole AND reference NOT GLOB '*:*'"
                        )
                    )
                }
                #expect(usage.tags == tags)
                #expect(usage.logicalBytes == image.bytes * (names ?? 0))
            }
        }
    }

    @Test("What entries of others in index.json name counts as needed, and nothing of it as saved by sharing")
    func foreignEntries() async throws {
        let own = SampleImage.image(layers: [.init(seed: 715, size: 3000)])
        let foreign = SampleImage.image(layers: [.init(seed: 716, size: 2000)], labels: ["a": "b"])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(own, in: cache, as: "1", of: "a")
                try await NamesTests.store(foreign, in: cache, as: "2", of: "a")
                _ = try await cache.names.remove("2", of: RepositoryReference("a"))
                try await cache.writeLayout()
                #expect(try await cache.inventory.usage().unreferencedBytes == foreign.bytes)
                let entry =
                    #"{"manifests":[{"digest":"\#(foreign.digest)","mediaType":"\#(foreign.top.mediaType)","#
                    + #""size":\#(foreign.top.size)},"#
                let text = String(buffer: try contents("\(timed.path)/index.json"))
                try write(
                    ByteBuffer(string: text.replacing(#"{"manifests":["#, with: entry)),
                    to: "\(timed.path)/index.json"
                )
                try await cache.writeLayout()
                let usage = try await cache.inventory.usage()
                #expect(usage.unreferencedBytes == 0 && usage.unnamedBytes == foreign.bytes)
                #expect((usage.bytes, usage.logicalBytes) == (own.bytes + foreign.bytes, own.bytes))
                #expect(usage.savedBytes == 0)
                #expect(try await cache.inventory.recentGarbage() == RecentGarbage())
            }
        }
    }

    @Test("A name that only some of the index's lists know ends a collection, and the next opening mends the index")
    func halfKnown() async throws {
        let image = SampleImage.image()
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: "a") }
            try timed.execute("UPDATE names SET bytes = -1")
            try timed.flip(image.digest, in: "names_digest")
            unlink("\(timed.path)/index.sqlite.sum")
            try await timed.open { cache async throws in
                let error = await #expect(throws: CacheError.self) { try await cache.collect() }
                #expect(error?.kind == .damagedIndex)
            }
            try await timed.open { cache async throws in
                #expect(try await cache.collect().blobs == 0)
                #expect(try await cache.inventory.images().map(\.descriptor.digest) == [image.digest])
            }
        }
    }

    @Test("What an answer is made of is read at one moment, whatever another process would write meanwhile")
    func oneMoment() async throws {
        let image = SampleImage.image(layers: [.init(seed: 717, size: 500)])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                let layer = try #require(image.blobs.last).descriptor
                let index = cache.store.index
                let (path, name) = ("\(timed.path)/index.sqlite", try ImageReference("a:1"))
                let seen = try await index.read { db in
                    let before = try NamesOf.images(db, needing: layer.digest)
                    var other = Configuration()
                    other.busyMode = .immediateError
                    let writer = try DatabaseQueue(path: path, configuration: other)
                    #expect(throws: DatabaseError.self) {
                        try writer.write { try $0.execute(sql: "DELETE FROM names") }
                    }
                    let after = try MissingBlob(db, layer.digest)?.origins
                    return (before, after, try NamesOf.images(db, needing: layer.digest))
                }
                #expect(seen.0 == [name] && seen.2 == [name])
                #expect(seen.1?.contains(name.location) == true)
                #expect(try await cache.verification.missing([layer.digest]).first?.origins == seen.1)
            }
        }
    }

    @Test("An interrupted download is a figure of its own, and goes with a collection whose grace it is older than")
    func partials() async throws {
        try await TimedCache.with { timed in
            timed.now.update { $0 = systemSeconds() }
            try await timed.open { cache async throws in
                let name = "sha256-" + String(repeating: "ab", count: 32)
                try write(bytes(6000), to: "\(timed.path)/ingest/\(name)")
                timed.now.update { $0 = systemSeconds() + 10 }
                let usage = try await cache.inventory.usage()
                #expect(usage.partials == 1 && usage.partialBytes >= 6000 && usage.bytes == 0)
                #expect(try await cache.collect().partials == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .seconds(60))).partials == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .zero, isDryRun: true)).partials == 1)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).partials == 1)
                #expect(try await cache.inventory.usage().partials == 0)
            }
        }
    }

    @Test("An index has the platforms of the children that are here, without attestations")
    func platforms() async throws {
        let amd64 = SampleImage.image()
        let arm64 = SampleImage.image(platform: Platform(os: "linux", architecture: "arm64"))
        let index = SampleImage.index(of: [amd64, SampleImage.attestation(of: amd64), arm64])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(index, in: cache, as: "1", of: "a")
                try remove(file(arm64.digest, in: timed.path))
                let images = try await cache.inventory.images()
                #expect(images.first?.platforms == [Platform(os: "linux", architecture: "amd64")])
            }
        }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct VerificationTests {
    private let image = SampleImage.image(layers: [.init(seed: 801, size: 50_000)])
    private let other = SampleImage.image(layers: [.init(seed: 802, size: 3_000_000)], labels: ["a": "b"])

    @Test("A flipped bit is found and put aside, and the tags are told that need the blob")
    func flipped() async throws {
        let layer = blob(try #require(image.blobBytes.values.first { $0.readableBytes == 50_000 }))
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                try await NamesTests.store(other, in: cache, as: "2", of: "a")
                let sound = try await cache.verify()
                #expect(sound.findings.isEmpty)
                #expect(sound.blobs == image.digests.union(other.digests).count)
                #expect(sound.bytes == image.bytes + other.bytes)
                var rotten = try contents(file(layer.digest, in: timed.path))
                rotten.flipByte(at: 49_999)
                try remove(file(layer.digest, in: timed.path))
                try write(rotten, to: file(layer.digest, in: timed.path))
                let report = try await cache.verify()
                #expect(report.findings.map(\.digest) == [layer.digest])
                #expect(report.findings.map(\.fault) == [.damaged])
                #expect(report.findings.first?.affected.map(\.description) == ["docker.io/library/a:1"])
                #expect(!exists(file(layer.digest, in: timed.path)))
                #expect(try names("\(timed.path)/quarantine").count == 1)
                #expect(try await cache.hold([layer]).isEmpty)
                #expect(try await cache.verify().findings.map(\.fault) == [.missing])
                let source = FakeSource(Array(image.blobBytes.values))
                try await cache.follow(layer, from: source).whenCommitted()
                #expect(try await cache.verify().findings.isEmpty)
            }
        }
    }

    @Test("A blob whose file is gone is told as missing")
    func missing() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                try remove(file(image.digest, in: timed.path))
                let report = try await cache.verify()
                #expect(report.findings.map(\.digest) == [image.digest])
                #expect(report.findings.map(\.fault) == [.missing])
            }
        }
    }
}

extension TimedCache {
    /// Flips a bit of a digest where one list of the index has it.
    fileprivate func flip(_ digest: Digest, in list: String) throws {
        let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
        let (page, size) = try queue.read { db in
            let root = try Int.fetchOne(db, sql: "SELECT rootpage FROM sqlite_master WHERE name = ?", arguments: [list])
            return (try #require(root) - 1, try #require(try Int.fetchOne(db, sql: "PRAGMA page_size")))
        }
        try queue.close()
        var text = try contents("\(path)/index.sqlite")
        let place = try #require(
            (page * size..<(page + 1) * size).first {
                text.getBytes(at: $0, length: digest.bytes.count) == Array(digest.bytes)
            }
        )
        text.setInteger(try #require(text.getInteger(at: place + 8, as: UInt8.self)) ^ 1, at: place + 8)
        try write(text, to: "\(path)/index.sqlite")
    }
}
