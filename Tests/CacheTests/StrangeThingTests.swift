import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What is no file where the cache has one: a directory, a pipe, a link.
@Suite(.timeLimit(.minutes(10)))
struct StrangeThingTests {
    enum Thing: CaseIterable, Sendable {
        case directory
        case pipe
        case link

        func put(at path: String) throws {
            if Files.exists(path) { try Files.remove(path) }
            switch self {
            case .directory: try #require(mkdir(path, 0o700) == 0)
            case .pipe: try #require(mkfifo(path, 0o600) == 0)
            case .link: try #require(symlink("/etc/passwd", path) == 0)
            }
        }
    }

    @Test(
        "In a blob's or a manifest's place it is no such thing, and the next download takes the place",
        arguments: Thing.allCases
    )
    func replaced(_ thing: Thing) async throws {
        let content = bytes(5000)
        let descriptor = Descriptor(mediaType: .octetStream, bytes: content)
        let image = SampleImage.image()
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await cache.add(content)
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                let manifest = try #require(try cache.manifest(image.top))
                try thing.put(at: "\(timed.path)/blobs/sha256/\(Digest.of(content).hex)")
                try thing.put(at: "\(timed.path)/blobs/sha256/\(image.digest.hex)")
                #expect(try !cache.contains(descriptor))
                for digest in [descriptor.digest, image.digest] { #expect(try cache.blobFile(digest) == nil) }
                #expect(try cache.manifest(image.top) == nil)
                _ = try await cache.inventory.images()
                #expect(try await cache.follow(descriptor, from: FakeSource([content])).all() == content)
                try await cache.store(manifest, from: nil)
                #expect(try cache.manifest(image.top)?.bytes == manifest.bytes)
            }
        }
    }

    @Test("In the place of a blob that nothing needs it goes with the others", arguments: Thing.allCases)
    func garbage(_ thing: Thing) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for size in [100, 200] { try await cache.add(bytes(size)) }
                try thing.put(at: "\(timed.path)/blobs/sha256/\(Digest.of(bytes(100)).hex)")
                let report = try await cache.collect(CollectionOptions(grace: .zero))
                #expect(report.blobs == 2 && report.refusal == nil)
            }
            #expect(try timed.stored().isEmpty)
            #expect(try names("\(timed.path)/quarantine").count == 1)
            try await timed.open { cache async throws in #expect(try await cache.inventory.usage().blobs == 0) }
        }
    }

    @Test("In the place of a blob of an archive it makes way", arguments: Thing.allCases)
    func staged(_ thing: Thing) async throws {
        let content = bytes(5000)
        let descriptor = Descriptor(mediaType: .octetStream, bytes: content)
        let name = Ingest.name(descriptor.digest)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try thing.put(at: "\(timed.path)/blobs/sha256/\(descriptor.digest.hex)")
                try write(content, to: "\(timed.path)/ingest/\(name)")
                let staged = try #require(try await cache.staging.leftover(name, descriptor))
                try await cache.staging.commit([staged])
                #expect(try cache.contains(descriptor))
                #expect(try names("\(timed.path)/quarantine").count == 1)
            }
        }
    }

    @Test("In a blob's place it is told of and put aside, and the blob comes back", arguments: Thing.allCases)
    func blob(_ thing: Thing) async throws {
        let content = bytes(5000)
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(content) }
            let digest = Digest.of(content)
            let path = "\(timed.path)/blobs/sha256/\(digest.hex)"
            try thing.put(at: path)
            try await timed.open { cache async throws in
                let report = try await cache.verify()
                #expect(report.findings.map(\.digest) == [digest])
                #expect(report.findings.first?.fault == .damaged && report.findings.first?.isInPlace == false)
                #expect(try names("\(timed.path)/quarantine").count == 1)
                try await cache.add(content)
                #expect(try await cache.verify().findings.isEmpty)
            }
            #expect(try contents(path) == content)
        }
    }

    @Test(
        "In the place of a sign or a lease it keeps nobody out",
        arguments: Thing.allCases,
        ["index.suspect", "index.condemned", "leases/1234"]
    )
    func sign(_ thing: Thing, _ name: String) async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(bytes(100)) }
            try thing.put(at: "\(timed.path)/\(name)")
            for size in [200, 300] { try await timed.open { try await $0.add(bytes(size)) } }
            try await timed.open { cache async throws in #expect(try await cache.inventory.usage().blobs == 3) }
        }
    }

    @Test("In the place of the index's sum it says nothing of the index", arguments: Thing.allCases)
    func sum(_ thing: Thing) async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(bytes(100)) }
            try thing.put(at: "\(timed.path)/index.sqlite.sum")
            try await timed.open { cache async throws in #expect(try await cache.inventory.usage().blobs == 1) }
            guard thing == .directory else { return try await timed.open { try await $0.add(bytes(200)) } }
            let error = await #expect(throws: CacheError.self) {
                try await timed.open { cache async throws in
                    _ = try await cache.hold([Descriptor(mediaType: .octetStream, bytes: bytes(300))])
                }
            }
            #expect("\(error as Any)".contains("index.sqlite.sum"))
        }
    }
}
