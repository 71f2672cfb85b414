import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// What stands in `index.json`, and what becomes of it.
@Suite(.timeLimit(.minutes(10)))
struct LayoutIndexTests {
    private static let image = SampleImage.image(layers: [.init(seed: 71, size: 900)])
    private static let other = SampleImage.image(layers: [.init(seed: 72, size: 800)], labels: ["a": "b"])

    /// Loses the index and its backups.
    static func lose(_ timed: TimedCache) throws {
        for name in try names("\(timed.path)/backup") { try remove("\(timed.path)/backup/\(name)") }
        try remove("\(timed.path)/index.sqlite")
    }

    @Test("After the loss of index and backups 10,500 names come back from index.json", .timeLimit(.minutes(10)))
    func many() async throws {
        let location = try RepositoryReference(
            "registry.example.com/a/rather/long/name/so/that/the/file/of/all/names/is/larger/than/a/manifest/may/be"
        )
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "v0", of: location.description)
            }
            // As many single transactions would take a minute.
            try timed.execute(
                """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10499)
                INSERT INTO names SELECT host, repository, 'v' || i, 1, digest, updated_at, bytes FROM names, n
                """
            )
            try await timed.open { try await $0.writeLayout() }
            #expect(try contents("\(timed.path)/index.json").readableBytes > 4 << 20)
            try Self.lose(timed)
            try await timed.open { cache async throws in
                #expect(try await cache.names.tags(of: location).count == 10_500)
                #expect(try await cache.recovery.restoration()?.lostNames == [])
                #expect(try await !cache.recovery.lacksNames())
                timed.advance(hours: 48)
                #expect(try await cache.collect().blobs == 0)
            }
        }
    }

    @Test(
        "Entries that cannot be understood, or have no full name, are left out, and stay in the file",
        arguments: [
            #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:00","size":1}"#,
            #"{"mediaType":"x","digest":"md5:00","size":-1,"annotations":{"org.opencontainers.image.ref.name":"latest"}}"#,
            #"{"nested":[{"a":"}\"]"}],"b":null}"#, #""a text""#, "17", "null", "[ ]",
            #"{"digest":"sha256:00","digest":"sha256:01"}"#,
        ]
    )
    func foreign(entry: String) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            let text = String(buffer: try contents("\(timed.path)/index.json"))
            let extended = text.replacing(#"{"manifests":["#, with: "{ \"manifests\" : [ \(entry) ,\n")
            try write(ByteBuffer(string: extended), to: "\(timed.path)/index.json")
            try Self.lose(timed)
            try await timed.open { cache async throws in
                #expect(try await cache.names.tags(of: RepositoryReference("a")).count == 1)
                #expect(try await !cache.recovery.lacksNames())
                try await NamesTests.store(Self.other, in: cache, as: "2", of: "a")
                try await cache.writeLayout()
            }
            let rewritten = String(buffer: try contents("\(timed.path)/index.json"))
            #expect(rewritten.contains(entry))
            #expect(rewritten.contains("docker.io/library/a:1") && rewritten.contains("docker.io/library/a:2"))
            try await timed.open { cache async throws in
                _ = try await cache.names.remove("1", of: RepositoryReference("a"))
                try await cache.writeLayout()
            }
            let last = String(buffer: try contents("\(timed.path)/index.json"))
            #expect(last.contains(entry) && !last.contains("docker.io/library/a:1"))
        }
    }

    @Test("A layout of another program becomes a cache; its entries and what they name stay through a collection")
    func adopted() async throws {
        try await TemporaryDirectory.with { path in
            let timed = TimedCache(path: "\(path)/layout")
            try Self.writeLayout(of: Self.other, named: "latest", at: timed.path)
            let before = String(buffer: try contents("\(timed.path)/index.json"))
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
                #expect(try await cache.names.locations(isWhole: false) == [RepositoryReference("a")])
            }
            timed.advance(hours: 48)
            try await timed.open { _ = try await $0.collect(CollectionOptions(grace: .zero)) }
            #expect(try timed.stored() == Self.image.digests.union(Self.other.digests))
            let after = String(buffer: try contents("\(timed.path)/index.json"))
            let entry = try #require(before.split(separator: "[").last?.split(separator: "]").first)
            #expect(after.contains(entry) && after.contains("docker.io/library/a:1"))
            // What nobody lists any more is garbage like anything else.
            try write(ByteBuffer(string: after.replacing(entry, with: "null")), to: "\(timed.path)/index.json")
            try await timed.open { cache async throws in
                try await cache.writeLayout()
                timed.advance(hours: 48)
                _ = try await cache.collect()
            }
            #expect(try timed.stored() == Self.image.digests)
        }
    }

    @Test("What another program adds to the layout of a cache stays, too")
    func added() async throws {
        try await Self.withEntered { timed async throws in
            try await timed.open { cache async throws in
                try await cache.writeLayout()
                timed.advance(hours: 48)
                _ = try await cache.collect(CollectionOptions(grace: .zero))
            }
            #expect(try timed.stored() == Self.image.digests.union(Self.other.digests))
        }
    }

    @Test("What another program has just added is known to the collection that comes next", arguments: [true, false])
    func addedBeforeCollection(isDryRun: Bool) async throws {
        try await Self.withEntered { timed async throws in
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                var options = CollectionOptions(grace: .zero)
                options.isDryRun = isDryRun
                let report = try await cache.collect(options)
                #expect(report.blobs == 0 && report.bytes == 0)
            }
            #expect(try timed.stored() == Self.image.digests.union(Self.other.digests))
        }
    }

    @Test("Names that another program has written in its own way go with their tags")
    func rewritten() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                try await NamesTests.store(Self.other, in: cache, as: "2", of: "a")
                try await cache.writeLayout()
            }
            let text = String(buffer: try contents("\(timed.path)/index.json"))
            try write(
                ByteBuffer(string: text.replacing("\"digest\":", with: " \"digest\": ")),
                to: "\(timed.path)/index.json"
            )
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                var options = CollectionOptions(grace: .zero)
                options.maximumSize = 1
                #expect(try await cache.collect(options).evictedTags.count == 2)
            }
            #expect(try timed.stored().isEmpty)
            #expect(!String(buffer: try contents("\(timed.path)/index.json")).contains("library/a"))
        }
    }

    @Test("What others had entered stays also where index.json is gone", arguments: [true, false])
    func gone(isReopened: Bool) async throws {
        try await Self.withEntered { timed async throws in
            try await timed.open { cache async throws in
                try await cache.writeLayout()
                try remove("\(timed.path)/index.json")
                if !isReopened { try await cache.writeLayout() }
            }
            timed.advance(hours: 48)
            for _ in 0..<2 {
                try await timed.open { cache async throws in
                    try await cache.writeLayout()
                    _ = try await cache.collect(CollectionOptions(grace: .zero))
                }
                #expect(try timed.stored() == Self.image.digests.union(Self.other.digests))
            }
        }
    }

    @Test("An index.json that ends in its middle is put aside, and what others had entered stays", arguments: [0, 60])
    func cut(length: Int) async throws {
        try await Self.withEntered { timed async throws in
            try await timed.open { try await $0.writeLayout() }
            let text = try contents("\(timed.path)/index.json")
            try write(try #require(text.getSlice(at: 0, length: length)), to: "\(timed.path)/index.json")
            for _ in 0..<2 {
                try await timed.open { cache async throws in
                    try await cache.writeLayout()
                    timed.advance(hours: 48)
                    _ = try await cache.collect(CollectionOptions(grace: .zero))
                }
                #expect(try timed.stored() == Self.image.digests.union(Self.other.digests))
            }
            #expect(String(buffer: try contents("\(timed.path)/index.json")).contains("\(Self.other.digest)"))
            #expect(try names("\(timed.path)/quarantine").count { $0.hasPrefix("index.json.") } == 1)
        }
    }

    /// A cache with an image of its own, to whose layout another program has added one that no command has looked at.
    private static func withEntered(_ body: (TimedCache) async throws -> Void) async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            try enter(other, named: "latest", in: timed.path)
            try await body(timed)
        }
    }

    /// Adds an image to a cache's layout as another program does.
    private static func enter(_ image: SampleImage, named name: String, in path: String) throws {
        let own = String(buffer: try contents("\(path)/index.json"))
        try writeLayout(of: image, named: name, at: path)
        let theirs = String(buffer: try contents("\(path)/index.json"))
        let entry = try #require(theirs.split(separator: "[").last?.split(separator: "]").first)
        let both = own.replacing(#"{"manifests":["#, with: #"{"manifests":["# + entry + ",")
        try write(ByteBuffer(string: both), to: "\(path)/index.json")
    }

    @Test("While names are lacking a collection is refused, until a run is complete or it is forced")
    func refusal() async throws {
        for isForced in [false, true] {
            try await TimedCache.with { timed in
                try await timed.open { cache async throws in
                    try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                    try await cache.writeLayout()
                }
                try Self.lose(timed)
                // Cut short, as a failing disk leaves it.
                let text = try contents("\(timed.path)/index.json")
                try write(try #require(text.getSlice(at: 0, length: 40)), to: "\(timed.path)/index.json")
                timed.advance(hours: 48)
                try await timed.open { cache async throws in
                    let error = await #expect(throws: CacheError.self) { try await cache.collect() }
                    #expect(error?.kind == .lostNames)
                    #expect(error?.description.contains("run 'imglife sync' first") == true)
                    #expect(try timed.stored() == Self.image.digests)
                    var options = CollectionOptions(grace: .zero)
                    options.isForced = isForced
                    if !isForced {
                        try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                        try await cache.recovery.noteCompleteRun()
                    }
                    let report = try await cache.collect(options)
                    #expect(report.blobs == (isForced ? Self.image.digests.count : 0))
                }
            }
        }
    }

    /// Writes what `skopeo copy … oci:path:name` writes.
    static func writeLayout(of image: SampleImage, named name: String, at path: String) throws {
        for (blob, bytes) in image.blobBytes { try Files.write(bytes, to: file(blob.digest, in: path)) }
        for part in image.manifests { try Files.write(part.source.buffer, to: file(part.descriptor.digest, in: path)) }
        try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: "\(path)/oci-layout")
        let top = image.top
        try Files.write(
            #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(top.mediaType)","digest":"\#(top.digest)","#
                + #""size":\#(top.size),"annotations":{"org.opencontainers.image.ref.name":"\#(name)"}}]}"#,
            to: "\(path)/index.json"
        )
    }
}
