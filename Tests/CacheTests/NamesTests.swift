import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct NamesTests {
    private static func location(_ text: String) throws -> RepositoryReference {
        try RepositoryReference(text)
    }

    /// Stores an image whole.
    static func store(_ image: SampleImage, in cache: ContentCache, as tag: String, of location: String) async throws {
        let source = FakeSource(Array(image.blobBytes.values))
        for part in image.blobs { try await cache.follow(part.descriptor, from: source).whenCommitted() }
        for part in image.manifests {
            let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
            try await cache.store(manifest, from: RepositoryReference(location))
        }
        try await cache.names.record(TagName(tag), of: RepositoryReference(location), as: image.top)
    }

    @Test("A stored image is found by tag and by digest, in this scope and in the next")
    func stored() async throws {
        let image = SampleImage.image()
        let location = try Self.location("registry.example.com:5000/a/b")
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in
                try await Self.store(image, in: cache, as: "1.0", of: location.description)
            }
            try await ContentCache.with(configuration(path)) { cache in
                #expect(try await cache.names.locations() == [location])
                let tags = try await cache.names.tags(of: location)
                #expect(tags.map(\.0.description) == ["1.0"])
                #expect(tags.map(\.1) == [image.top])
                let (old, new): (TagName, TagName) = ("1.0", "2.0")
                #expect(try await cache.names.resolve(.tag(old), in: location) == image.top)
                #expect(try await cache.names.resolve(.digest(image.digest), in: location) == image.top)
                #expect(try await cache.names.resolve(.tag(new), in: location) == nil)
                #expect(try cache.manifest(image.top)?.bytes == image.topBytes)
                #expect(try cache.manifest(image.digest)?.descriptor == image.top)
            }
        }
    }

    @Test("Storing and recording what is there already costs no transaction")
    func idempotent() async throws {
        let image = SampleImage.image()
        try await withCache { cache, _ in
            try await Self.store(image, in: cache, as: "1.0", of: "a")
            let before = cache.transactionCount
            try await Self.store(image, in: cache, as: "1.0", of: "a")
            #expect(cache.transactionCount == before)
        }
    }

    @Test("A name for what a collection removes just then fails without a word of the disk, and the cache stays in use")
    func beingRemoved() async throws {
        let image = SampleImage.image()
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                let place = try Self.location("a")
                try await Self.store(image, in: cache, as: "1.0", of: "a")
                for (statement, kind) in [
                    ("UPDATE blobs SET state = 'deleting'", CacheError.Kind.locked),
                    ("DELETE FROM names; DELETE FROM blobs", .missing),
                ] {
                    try timed.execute(statement)
                    let error = await #expect(throws: CacheError.self) {
                        try await cache.names.recordPulled(.tag("2.0"), of: place, as: image.top)
                    }
                    let text = error.map { "\($0)" } ?? ""
                    #expect(error?.kind == kind && text.contains("try again") && !text.contains("disk"), "\(text)")
                    try cache.checkUsable()
                }
            }
        }
    }

    @Test("What the index does not allow to be written is no trouble of the disk's, and has nobody check the index")
    func refused() async throws {
        let image = SampleImage.image()
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await Self.store(image, in: cache, as: "1.0", of: "a")
                try timed.execute("CREATE UNIQUE INDEX one_name ON names (host)")
                let error = await #expect(throws: CacheError.self) {
                    try await cache.names.record("2.0", of: Self.location("a"), as: image.top)
                }
                let text = error.map { "\($0)" } ?? ""
                #expect(text.contains("UNIQUE") && !text.contains("disk"), "\(text)")
                #expect(error?.kind != .inputOutput && error?.kind != .damagedIndex)
                #expect(!exists("\(timed.path)/index.suspect") && !exists("\(timed.path)/index.condemned"))
                try cache.checkUsable()
            }
        }
    }

    @Test("A flipped bit in a stored manifest is noticed, and storing it again heals it")
    func damaged() async throws {
        let image = SampleImage.image()
        try await withCache { cache, path in
            try await Self.store(image, in: cache, as: "1.0", of: "a")
            var rotten = image.topBytes
            rotten.flipByte(at: 20)
            try write(rotten, to: file(image.digest, in: path))
            #expect(try cache.manifest(image.top) == nil)
            #expect(try names("\(path)/quarantine").count == 1)
            try write(rotten, to: file(image.digest, in: path))
            try await Self.store(image, in: cache, as: "1.0", of: "a")
            #expect(try cache.manifest(image.top)?.bytes == image.topBytes)
        }
    }

    @Test("A tag cannot name a manifest that is not there")
    func missing() async throws {
        let image = SampleImage.image()
        try await withCache { cache, _ in
            let error = await #expect(throws: CacheError.self) {
                try await cache.names.record(TagName("1.0"), of: RepositoryReference("a"), as: image.top)
            }
            #expect(error?.kind == .missing)
        }
    }

    @Test("A lost or damaged index is rebuilt from the blobs and index.json", arguments: [false, true])
    func rebuilt(isDamaged: Bool) async throws {
        let image = SampleImage.image()
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in
                try await Self.store(image, in: cache, as: "1.0", of: "a")
                try await cache.writeLayout()
            }
            if isDamaged {
                try write(ByteBuffer(repeating: 0x41, count: 50_000), to: "\(path)/index.sqlite")
            } else {
                try remove("\(path)/index.sqlite")
            }
            try await ContentCache.with(configuration(path)) { cache in
                let tag: TagName = "1.0"
                let location = try RepositoryReference("a")
                #expect(try await cache.names.resolve(.tag(tag), in: location) == image.top)
                let all = (image.blobs + image.manifests).map(\.descriptor)
                let present = try await cache.hold(all)
                #expect(present == Set(all.map(\.digest)))
            }
            let aside = try names("\(path)/quarantine")
            #expect(aside.contains { $0.hasPrefix("index.sqlite.") } == isDamaged)
        }
    }

    @Test(
        "skopeo finds each tag in the directory as it lies",
        .requires(.tool("skopeo")),
        arguments: ["docker.io/library/alpine", "registry.example.com:5000/a/b-c", "localhost:5000/x"]
    )
    func skopeo(location: String) async throws {
        let image = SampleImage.image()
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration("\(path)/cache")) { cache in
                try await Self.store(image, in: cache, as: "3.21", of: location)
                try await Self.store(.image(.docker), in: cache, as: "latest", of: "other")
                try await cache.writeLayout()
            }
            try await Skopeo.copy("oci:\(path)/cache:\(location):3.21", "dir:\(path)/out")
            #expect(try contents("\(path)/out/manifest.json") == image.topBytes)
        }
    }

    @Test("index.json is sorted, names every tag and is left alone when nothing changed")
    func layout() async throws {
        let image = SampleImage.image()
        try await withCache { cache, path in
            try await Self.store(image, in: cache, as: "b", of: "z")
            try await Self.store(image, in: cache, as: "a", of: "z")
            try await cache.writeLayout()
            let first = try contents("\(path)/index.json")
            let index = try Manifest(bytes: first, contentType: .ociIndex)
            guard case .index(let content) = index.content else {
                Issue.record("not an index")
                return
            }
            #expect(
                content.entries.map { $0.annotations["org.opencontainers.image.ref.name"] }
                    == ["docker.io/library/z:a", "docker.io/library/z:b"]
            )
            #expect(content.entries.map(\.descriptor) == [image.top, image.top])
            let before = try CacheTests.inode("\(path)/index.json")
            try await cache.writeLayout()
            #expect(try CacheTests.inode("\(path)/index.json") == before)
            #expect(try contents("\(path)/oci-layout") == ByteBuffer(string: #"{"imageLayoutVersion":"1.0.0"}"#))
        }
    }
}
