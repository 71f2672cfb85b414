import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// What opening does, and does not, while another process has the cache open.
@Suite(.timeLimit(.minutes(10)))
struct SharedOpeningTests {
    private static let image = SampleImage.image()

    /// Opens a cache while it is open already.
    private static func beside(
        _ prepare: (_ path: String) throws -> Void,
        _ body: (_ path: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
                try prepare(path)
                try await body(path)
            }
        }
    }

    @Test("The layout's files are written again where they are missing", arguments: ["index.json", "oci-layout"])
    func layout(name: String) async throws {
        var text = ByteBuffer()
        try await Self.beside { path in
            text = try contents("\(path)/\(name)")
            try remove("\(path)/\(name)")
        } _: { path in
            try await ContentCache.with(configuration(path)) { _ in }
            #expect(try contents("\(path)/\(name)") == text)
        }
    }

    @Test("An index that failed once is used where it can be read, and checked by the next who is alone")
    func suspect() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                try write(ByteBuffer(), to: "\(path)/index.suspect")
                try await ContentCache.with(configuration(path)) { other async throws in
                    #expect(try await other.names.locations().count == 1)
                }
                #expect(exists("\(path)/index.suspect"))
            }
            try await ContentCache.with(configuration(path)) { cache async throws in
                #expect(try await cache.names.locations().count == 1)
                #expect(try await cache.recovery.restoration() == nil)
            }
            #expect(!exists("\(path)/index.suspect"))
        }
    }

    @Test("What takes the cache alone says why")
    func condemned() async throws {
        try await Self.beside { path in
            try write(ByteBuffer(), to: "\(path)/index.condemned")
        } _: { path in
            let error = await #expect(throws: CacheError.self) {
                try await ContentCache.with(configuration(path)) { _ in }
            }
            #expect(error?.kind == .locked)
            let text = error?.description ?? ""
            #expect(
                text.contains("its index was found damaged and must be rebuilt, which is only done while nobody else")
            )
        }
    }

    @Test("Leases stay when their directory cannot be listed, and opening fails")
    func leases() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache async throws in
                try await cache.hold([blob(bytes(10))])
                try await withFaulty("readdir", on: "\(path)/leases", code: EIO) { _ in
                    let error = await #expect(throws: CacheError.self) {
                        try await ContentCache.with(configuration(path)) { _ in }
                    }
                    #expect(error?.code == EIO)
                }
                #expect(try TimedCache(path: path).count("lease_items") == 1)
            }
        }
    }

    @Test("An index is not rebuilt from blobs that cannot be listed")
    func blobs() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            try remove("\(path)/index.sqlite")
            try await withFaulty("readdir", on: "\(path)/blobs/sha256", code: EIO) { _ in
                let error = await #expect(throws: CacheError.self) {
                    try await ContentCache.with(configuration(path)) { _ in }
                }
                #expect(error?.code == EIO)
            }
            #expect(!exists("\(path)/index.sqlite"))
            try await ContentCache.with(configuration(path)) { cache async throws in
                #expect(try await cache.hold(Self.image.all) == Self.image.digests)
            }
        }
    }

    @Test("An index that is removed while it is in use is told as that, and made anew by the next opening")
    func removed() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await cache.add(bytes(2000))
                try remove("\(timed.path)/index.sqlite")
                let error = await #expect(throws: CacheError.self) { try await cache.add(bytes(3000)) }
                #expect(try #require(error).reason == "it was removed or replaced while it was in use; run this again")
                #expect(throws: CacheError.self) { try cache.checkUsable() }
            }
            try await timed.open { try await $0.add(bytes(3000)) }
        }
    }

    @Test("The history of a tag has a bound and forgets what is old, unless a clock that is ahead makes it so")
    func history() async throws {
        let images = (0..<3).map { SampleImage.image(layers: [.init(seed: 80 + UInt64($0), size: 100)]) }
        let location = try RepositoryReference("a")
        let tag: TagName = "1"
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for image in images {
                    try await NamesTests.store(image, in: cache, as: "1", of: "a")
                    timed.advance(hours: 1)
                }
                #expect(
                    try await cache.names.history(of: tag, in: location).map(\.digest)
                        == images.reversed().map(\.digest)
                )
                for number in 0..<140 {
                    try await cache.names.record(tag, of: location, as: images[number % 2].top)
                }
                #expect(try await cache.names.history(of: tag, in: location).count == 65)
            }
            for days: Int64 in [401, -401, 401, 6] {
                timed.advance(hours: 24 * days)
                try await timed.open { cache async throws in
                    #expect(try await cache.names.history(of: tag, in: location).count == 65)
                }
            }
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                #expect(try await cache.names.history(of: tag, in: location).count == 1)
            }
        }
    }
}
