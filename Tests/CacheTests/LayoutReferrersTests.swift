import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What `index.json` says of what refers to images.
@Suite(.timeLimit(.minutes(10)))
struct LayoutReferrersTests {
    private static let image = SampleImage.image(layers: [.init(seed: 74, size: 5000)])
    private static let signatures = (0..<3).map { SampleImage.artifact(of: image.top, content: "signature \($0)") }

    private static func place(_ name: String = "pub") throws -> RepositoryReference { try RepositoryReference(name) }

    private static func fill(_ cache: ContentCache, _ numbers: Range<Int> = 0..<2) async throws {
        try await NamesTests.store(image, in: cache, as: "1", of: "pub")
        for number in numbers { try await store(signatures[number], in: cache) }
        try await list(numbers, in: cache)
        try await cache.writeLayout()
    }

    private static func store(_ artifact: SampleImage, in cache: ContentCache) async throws {
        let source = FakeSource(Array(artifact.blobBytes.values))
        for part in artifact.blobs { try await cache.follow(part.descriptor, from: source).whenCommitted() }
        for part in artifact.manifests {
            let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
            try await cache.store(manifest, from: place())
        }
    }

    private static func list(_ numbers: Range<Int>, in cache: ContentCache, _ name: String = "pub") async throws {
        let referrers = numbers.map { signatures[$0].top }
        try await cache.referrers.set(of: image.digest, in: place(name), to: referrers)
    }

    /// The entries, read as any other program would read them.
    private static func entries(_ path: String) throws -> [ImageIndex.Entry] {
        try ImageIndex.entries(layout: contents("\(path)/index.json"), limit: 1 << 20)
    }

    private static func name(_ entry: ImageIndex.Entry) -> String? {
        entry.annotations["org.opencontainers.image.ref.name"]
    }

    /// What the list under the tag of the schema names.
    private static func listed(_ path: String) throws -> [Digest]? {
        let tag = try "docker.io/library/pub:\(image.digest.referrersTag)"
        guard let entry = try entries(path).first(where: { name($0) == tag }) else { return nil }
        let text = try contents(file(entry.descriptor.digest, in: path))
        #expect(Digest.of(text) == entry.descriptor.digest)
        return try ImageIndex.entries(layout: text, limit: 1 << 20).map(\.descriptor.digest)
    }

    @Test("Each referrer stands there without a name, and all of them under the tag of the referrers schema")
    func listed() async throws {
        try await withCache { cache, path in
            try await Self.fill(cache)
            let digests = Self.signatures[..<2].map(\.digest).sorted()
            #expect(try Self.entries(path).filter { Self.name($0) == nil }.map(\.descriptor.digest) == digests)
            #expect(try Self.listed(path) == digests)
            let text = try contents("\(path)/index.json")
            let transactions = cache.transactionCount
            try await cache.writeLayout()
            #expect(cache.transactionCount == transactions)
            #expect(try contents("\(path)/index.json") == text)
            #expect(try await cache.names.tags(of: Self.place()).map(\.0.description) == ["1"])
            try await Self.store(Self.signatures[2], in: cache)
            try await Self.list(1..<3, in: cache)
            try await cache.writeLayout()
            #expect(try Self.listed(path) == Self.signatures[1...].map(\.digest).sorted())
        }
    }

    @Test("The lists stay as long as their images, count as needed, and go with them")
    func collected() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await Self.fill($0) }
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
                #expect(try Self.listed(timed.path)?.count == 2)
                #expect(try await cache.inventory.usage().unreferencedBytes == 0)
                #expect(try await cache.inventory.recentGarbage().blobs == 0)
                _ = try await cache.names.remove("1", of: Self.place())
                try await cache.writeLayout()
                #expect(try Self.entries(timed.path).isEmpty)
            }
            timed.advance(hours: 48)
            try await timed.open { _ = try await $0.collect(CollectionOptions(grace: .zero)) }
            #expect(try timed.stored().isEmpty)
        }
    }

    @Test("After the loss of the index only names come back as names, and the next run writes the same text")
    func rebuilt() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await Self.fill($0) }
            let text = try contents("\(timed.path)/index.json")
            for name in try names("\(timed.path)/backup") { try remove("\(timed.path)/backup/\(name)") }
            try remove("\(timed.path)/index.sqlite")
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                #expect(try await cache.names.tags(of: Self.place()).map(\.0.description) == ["1"])
                #expect(try await cache.names.locations(isWhole: false) == [Self.place()])
                #expect(try await cache.recovery.restoration()?.lostNames == [])
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
                try await cache.writeLayout()
            }
            #expect(try contents("\(timed.path)/index.json") == text)
        }
    }

    @Test("A tag of the repository's own that has the schema's name is left to it")
    func taken() async throws {
        try await withCache { cache, path in
            let tag = try Self.image.digest.referrersTag
            try await NamesTests.store(Self.signatures[0], in: cache, as: "\(tag)", of: "pub")
            try await Self.fill(cache)
            let name = "docker.io/library/pub:\(tag)"
            #expect(
                try Self.entries(path).filter { Self.name($0) == name }.map(\.descriptor) == [Self.signatures[0].top]
            )
        }
    }

    @Test("A list that was lost from the disk is made again")
    func lost() async throws {
        try await withCache { cache, path in
            try await Self.fill(cache)
            let name = try "docker.io/library/pub:\(Self.image.digest.referrersTag)"
            let list = try #require(try Self.entries(path).first { Self.name($0) == name })
            try remove(file(list.descriptor.digest, in: path))
            try await cache.writeLayout()
            #expect(try Self.listed(path)?.count == 2)
        }
    }
}
