import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// Layers of docker archives that are compressed: the config says what they hold.
@Suite(.timeLimit(.minutes(10)))
struct PackedLayerTests {
    private static let name = "a.example.com/x:1"
    private static let plain = ByteSource.random(seed: 61, count: 200_000).buffer

    /// An image of one layer, under the names that some program gives to its members.
    private struct Shape {
        let config: String
        let layer: String

        /// Those of crane, jib, rules_oci and docker.
        static func all(_ config: String, _ layer: ByteBuffer) -> [Shape] {
            let (config, layer) = (Digest.of(ByteBuffer(string: config)).hex, Digest.of(layer).hex)
            return [
                Shape(config: "sha256:\(config)", layer: "\(layer).tar.gz"),
                Shape(config: "config.json", layer: "\(layer).tar.gz"),
                Shape(config: "blobs/sha256/\(config)", layer: "blobs/sha256/\(layer).tar.gz"),
                Shape(config: "\(config).json", layer: "\(String(repeating: "1", count: 64))/layer.tar"),
            ]
        }

        func item(_ name: String = PackedLayerTests.name) -> String {
            #"{"Config":"\#(config)","RepoTags":["\#(name)"],"Layers":["\#(layer)"]}"#
        }

        /// Its list comes last.
        func archive(_ config: String, _ bytes: ByteBuffer) -> TestTar {
            var tar = TestTar()
            tar.add(layer, Array(bytes.readableBytesView))
            tar.add(self.config, text: config)
            tar.add("manifest.json", text: "[\(item())]")
            return tar
        }
    }

    private static func config(of layer: ByteBuffer = plain, _ more: String = "") -> String {
        #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["\#(Digest.of(layer))"]}\#(more)}"#
    }

    private static func pack(_ bytes: ByteBuffer, _ program: String = "gzip") async throws -> ByteBuffer {
        let result = try await Tool.check(
            program,
            program == "gzip" ? ["-nc"] : ["-qc"],
            stdin: Array(bytes.readableBytesView)
        )
        return ByteBuffer(bytes: result.stdout)
    }

    private static func refusal(of tar: TestTar, isDirectory: Bool = false) async throws -> String {
        var text = ""
        try await withCache { cache, path async throws in
            try write(tar.finished, to: "\(path).tar")
            var place = "\(path).tar"
            if isDirectory {
                place = "\(path)-unpacked"
                try Files.makeDirectory(place)
                try await Tool.check("tar", ["-xf", "\(path).tar", "-C", place])
            }
            let error = await #expect(throws: CacheError.self) {
                _ = try await ArchiveImporter(cache).run(.path(place))
            }
            #expect(error?.kind == .refusedArchive)
            text = error.map { "\($0)" } ?? ""
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try await cache.tagged().isEmpty)
        }
        return text
    }

    @Test("A layer that is damaged, cut or another image's is refused, whatever the members are called")
    func damaged() async throws {
        let good = try await Self.pack(Self.plain)
        let other = try await Self.pack(ByteBuffer(string: "another image's"))
        var flipped = good
        flipped.flipByte(at: good.readableBytes / 2)
        let cut = try #require(good.getSlice(at: 0, length: good.readableBytes - 500))
        for shape in Shape.all(Self.config(), good) {
            try await withCache { cache, path async throws in
                try await cache.importing(shape.archive(Self.config(), good).finished, at: path)
                #expect(try await cache.tagged().keys.sorted() == [Self.name])
            }
            for isDirectory in [false, true] {
                let tars = [flipped, cut, other].map { shape.archive(Self.config(), $0) }
                #expect(try await Self.refusal(of: tars[0], isDirectory: isDirectory).contains(shape.layer))
                let short = try await Self.refusal(of: tars[1], isDirectory: isDirectory)
                #expect(short.contains(shape.layer) && short.contains("ends too early"), "\(short)")
                let foreign = try await Self.refusal(of: tars[2], isDirectory: isDirectory)
                let reason =
                    "names the layer '\(Digest.of(Self.plain))', but the archive has "
                    + "\(Digest.of(ByteBuffer(string: "another image's"))) in '\(shape.layer)', decompressed"
                #expect(foreign.contains(reason), "\(foreign)")
            }
        }
    }

    @Test("A layer of zstd is compared as well, and what one image has right is not right for another")
    func several() async throws {
        let packed = try await Self.pack(Self.plain, "zstd")
        let shape = Shape.all(Self.config(), packed)[3]
        try await withCache { cache, path async throws in
            for _ in 0..<2 { try await cache.importing(shape.archive(Self.config(), packed).finished, at: path) }
            #expect(try await cache.tagged().count == 1)
        }
        for (config, reason) in [(Self.config(of: packed), "names the layer"), (Self.config(of: Self.plain, " "), "")] {
            let name = "\(Digest.of(ByteBuffer(string: config)).hex).json"
            let second = Shape(config: name, layer: shape.layer)
            var tar = TestTar()
            tar.add("manifest.json", text: "[\(shape.item()),\(second.item("a.example.com/x:2"))]")
            tar.add(shape.config, text: Self.config())
            tar.add(name, text: config)
            tar.add(shape.layer, Array(packed.readableBytesView))
            guard reason.isEmpty else {
                #expect(try await Self.refusal(of: tar).contains(reason))
                continue
            }
            try await withCache { cache, path async throws in
                try await cache.importing(tar.finished, at: path)
                #expect(try await cache.tagged().count == 2)
            }
        }
    }

    @Test("A name that is a digest is that of the bytes, or of what they hold")
    func digests() async throws {
        let packed = try await Self.pack(Self.plain)
        let config = Self.config()
        for layer in [packed, Self.plain] {
            try await withCache { cache, path async throws in
                let shape = Shape(config: "config.json", layer: "\(Digest.of(layer).hex).tar.gz")
                try await cache.importing(shape.archive(config, packed).finished, at: path)
                #expect(try await cache.tagged().count == 1)
            }
        }
        for folder in ["", "blobs/sha256/"] {
            let shape = Shape(config: "config.json", layer: "\(folder)\(String(repeating: "2", count: 64)).tar.gz")
            let text = try await Self.refusal(of: shape.archive(config, packed))
            #expect(text.contains("holds other bytes than its name says"), "\(text)")
        }
    }

    @Test("A layer of zeros is taken, however short it is, and with the largest window that others read")
    func zeros() async throws {
        let zeros = ByteBuffer(repeating: 0, count: 65 << 20)
        let config = Self.config(of: zeros)
        for packing in [["gzip", "-nc"], ["zstd", "-qc"], ["zstd", "-qc", "--long=27"]] {
            let result = try await Tool.check(
                packing[0],
                Array(packing.dropFirst()),
                stdin: Array(zeros.readableBytesView)
            )
            let packed = ByteBuffer(bytes: result.stdout)
            try await withCache { cache, path async throws in
                try await cache.importing(Shape.all("", packed)[1].archive(config, packed).finished, at: path)
                #expect(try await cache.tagged().count == 1)
            }
        }
    }

    @Test("A layer that the cache has is read there; damaged it is put aside, and the next import brings it")
    func present() async throws {
        // Larger than what is looked at while the archive is read.
        let plain = ByteSource.random(seed: 62, count: 5 << 20).buffer
        let (config, packed) = (Self.config(of: plain), try await Self.pack(plain))
        let archive = Shape.all(config, packed)[0].archive(config, packed).finished
        try await withCache { cache, path async throws in
            try await cache.importing(archive, at: path)
            let place = file(Digest.of(packed), in: path)
            var damaged = packed
            damaged.flipByte(at: 1000)
            try Files.remove(place)
            try write(damaged, to: place)
            let error = await #expect(throws: CacheError.self) { try await cache.importing(archive, at: path) }
            #expect(error.map { "\($0)" }?.contains("found damaged there") == true)
            try await cache.importing(archive, at: path)
            #expect(try contents(place) == packed)
        }
    }
}
