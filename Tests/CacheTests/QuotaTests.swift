import Cache
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct QuotaTests {
    /// Images of about 10 000 bytes that share nothing, each used an hour after the one before.
    private func fill(_ timed: TimedCache, _ count: Int) async throws -> [SampleImage] {
        let images = (0..<count).map { number in
            SampleImage.image(
                layers: [.init(seed: UInt64(500 + number), size: 10_000)],
                labels: ["number": "\(number)"]
            )
        }
        try await timed.open { cache async throws in
            for (number, image) in images.enumerated() {
                try await NamesTests.store(image, in: cache, as: "v\(number)", of: "a")
                timed.advance(hours: 1)
            }
            timed.advance(hours: 3)
        }
        return images
    }

    @Test("Up to 90 % of the limit nothing is removed; beyond it the oldest images go until 80 % are left")
    func hysteresis() async throws {
        try await TimedCache.with { timed async throws in
            let images = try await fill(timed, 10)
            let total = images.reduce(0) { $0 + $1.bytes }
            try await timed.open { cache async throws in
                let roomy = try await cache.collect(CollectionOptions(maximumSize: total * 10 / 9 + 10))
                #expect(roomy.blobs == 0 && roomy.evictedTags.isEmpty && roomy.remainingBytes == total)
                let tight = try await cache.collect(CollectionOptions(maximumSize: total * 10 / 9 - 100))
                #expect(tight.evictedTags.map(\.tag?.description) == ["v0", "v1"])
                #expect(tight.remainingBytes == total - images[0].bytes - images[1].bytes)
                #expect(try timed.stored() == images[2...].reduce(into: []) { $0.formUnion($1.digests) })
                let again = try await cache.collect(CollectionOptions(maximumSize: total * 10 / 9 - 100))
                #expect(again.blobs == 0)
                #expect(try await cache.names.tags(of: RepositoryReference("a")).count == 8)
            }
        }
    }

    @Test("An image that was used again is not the oldest any more, and one in use is not removed at all")
    func order() async throws {
        try await TimedCache.with { timed async throws in
            let images = try await fill(timed, 4)
            try await timed.open { cache async throws in _ = try await cache.hold(images[0].all) }
            timed.advance(hours: 3)
            try await timed.open { user async throws in
                try await user.hold(images[1].all)
                timed.advance(hours: 3)
                try await timed.open { cache async throws in
                    let report = try await cache.collect(CollectionOptions(maximumSize: 30_000))
                    #expect(report.evictedTags.map(\.tag?.description) == ["v2", "v3"])
                    #expect(try timed.stored() == images[0].digests.union(images[1].digests))
                }
            }
        }
    }

    @Test("A child of a kept index stays, its own tag too; it can go after the index")
    func children() async throws {
        let first = SampleImage.image(layers: [.init(seed: 601, size: 10_000)])
        let second = SampleImage.image(layers: [.init(seed: 602, size: 10_000)], labels: ["a": "b"])
        let index = SampleImage.index(of: [first, second])
        let other = SampleImage.image(layers: [.init(seed: 603, size: 30_000)], labels: ["c": "d"])
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "child", of: "a")
                timed.advance(hours: 1)
                try await NamesTests.store(other, in: cache, as: "other", of: "a")
                timed.advance(hours: 1)
                try await NamesTests.store(index, in: cache, as: "index", of: "a")
                timed.advance(hours: 3)
            }
            try await timed.open { cache async throws in
                let report = try await cache.collect(CollectionOptions(maximumSize: 50_000))
                #expect(report.evictedTags.map(\.tag?.description) == ["other"])
                #expect(try timed.stored() == index.digests)
                let rest = try await cache.collect(CollectionOptions(maximumSize: 1))
                #expect(rest.evictedTags.map(\.tag?.description) == ["index", "child"])
                #expect(try timed.stored().isEmpty)
            }
        }
    }

    @Test("An image and an index of it that refers to it, both tagged, go together when all else has gone")
    func circle() async throws {
        let image = SampleImage.image(layers: [.init(seed: 604, size: 10_000)])
        let index = SampleImage.index(of: [image], subject: image.top)
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "child", of: "a")
                try await NamesTests.store(index, in: cache, as: "index", of: "a")
                try await cache.referrers.add(of: image.digest, in: RepositoryReference("a"), [index.top])
                timed.advance(hours: 3)
            }
            try await timed.open { cache async throws in
                let options = CollectionOptions(maximumSize: 5000, isDryRun: true)
                #expect(try await cache.collect(options).evictedTags.count == 2)
                let report = try await cache.collect(CollectionOptions(maximumSize: 5000))
                #expect(Set(report.evictedTags.map(\.tag?.description)) == ["child", "index"])
                #expect(try timed.stored().isEmpty && report.remainingBytes == 0)
            }
        }
    }

    @Test("A layer whose row was lost was used when it was written, so that its image makes room with it")
    func adopted() async throws {
        try await TimedCache.with { timed async throws in
            let images = try await fill(timed, 3)
            for image in images {
                let layer = try #require(image.blobs.map(\.descriptor).max { $0.size < $1.size })
                try timed.execute("DELETE FROM blobs WHERE hex(digest) LIKE '%\(layer.digest.hex.uppercased())'")
            }
            try await timed.open { cache async throws in
                let report = try await cache.collect(CollectionOptions(maximumSize: 27_000))
                #expect(report.evictedTags.map(\.tag?.description) == ["v0"])
                #expect(try timed.stored() == images[1].digests.union(images[2].digests))
            }
        }
    }

    @Test("Tags of one image go together")
    func aliases() async throws {
        try await TimedCache.with { timed async throws in
            let images = try await fill(timed, 2)
            try await timed.open { cache async throws in
                try await cache.names.record("latest", of: RepositoryReference("b"), as: images[0].top)
                timed.advance(hours: 3)
                let report = try await cache.collect(CollectionOptions(maximumSize: 20_000))
                #expect(report.evictedTags.map(\.tag?.description) == ["v1"])
                let rest = try await cache.collect(CollectionOptions(maximumSize: 1))
                #expect(
                    rest.evictedTags.map(\.description) == ["docker.io/library/a:v0", "docker.io/library/b:latest"]
                )
            }
        }
    }

    @Test("What a tag of cosign's names stays with the image that it refers to, and goes right after it")
    func signatures() async throws {
        let image = SampleImage.image(layers: [.init(seed: 605, size: 1000)])
        let signature = SampleImage.image(layers: [.init(seed: 606, size: 10_000)], labels: ["kind": "signature"])
        let tag = "sha256-\(image.digest.hex).sig"
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(signature, in: cache, as: tag, of: "a")
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                timed.advance(hours: 3)
                let pin = try ImageReference(location: RepositoryReference("a"), tag: TagName("1"))
                let report = try await cache.collect(CollectionOptions(maximumSize: 100, pins: [pin]))
                #expect(report.evictedTags.isEmpty && report.blobs == 0)
                let gone = try await cache.collect(CollectionOptions(maximumSize: 100)).evictedTags
                #expect(gone.map(\.tag?.description) == ["1", tag])
                #expect(try timed.stored().isEmpty)
            }
        }
    }

    @Test("Images that call themselves each other's signatures can go, and so can one that is its own")
    func signaturesInCircles() async throws {
        let images = (0..<3).map {
            SampleImage.image(layers: [.init(seed: 610 + UInt64($0), size: 5000)], labels: ["n": "\($0)"])
        }
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                for (image, subject) in [(images[0], images[1]), (images[1], images[0]), (images[2], images[2])] {
                    try await NamesTests.store(image, in: cache, as: "sha256-\(subject.digest.hex).sig", of: "a")
                }
                timed.advance(hours: 3)
                let pin = try ImageReference(location: RepositoryReference("a"), tag: TagName("1"))
                _ = try await cache.collect(CollectionOptions(maximumSize: 100, pins: [pin]))
                #expect(try timed.stored().isEmpty)
            }
        }
    }
}
