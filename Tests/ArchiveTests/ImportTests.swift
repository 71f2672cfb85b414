import Archive
import Cache
import CacheSupport
import FoundationEssentials
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ImportTests {
    private static let image = SampleImage.multiPlatform(layerSize: 30_000)
    private static let second = SampleImage.image(.docker, layers: [.init(seed: 1000, size: 30_000)])

    @Test("An archive's images have their digests and all of their bytes, and importing it again changes nothing")
    func whole() async throws {
        try await withCache { cache, path in
            let names = ["a.example.com/x:1", "b.example.com/y/z:2"]
            let sample = ArchiveSample(images: [(Self.image, names[0]), (Self.second, names[1])])
            let report = try await cache.importing(sample.archive(), at: path)
            #expect(report.images.map(\.outcome) == [.added, .added])
            #expect(report.blobs == sample.parts.count && report.presentBlobs == 0 && report.volumes == nil)
            let expected = ["a.example.com/x:1": Self.image.digest, "b.example.com/y/z:2": Self.second.digest]
            #expect(try await cache.tagged() == expected)
            for part in sample.parts {
                #expect(try contents(file(part.descriptor.digest, in: path)) == part.source.buffer)
            }
            #expect(try Files.list("\(path)/ingest").isEmpty)
            let index = String(buffer: try contents("\(path)/index.json"))
            #expect(index.contains("a.example.com/x:1"))

            let again = try await cache.importing(sample.archive(), at: path)
            #expect(again.images.map(\.outcome) == [.unchanged, .unchanged])
            #expect(again.blobs == 0 && again.bytes == 0 && again.presentBlobs == sample.parts.count)
            // What was imported is kept, and nothing else is there.
            let collected = try await cache.collect(CollectionOptions(grace: .zero))
            #expect(collected.blobs == 0)
        }
    }

    @Test("An image whose foreign layer is elsewhere is whole without it")
    func foreignLayer() async throws {
        try await withCache { cache, path in
            let image = SampleImage.withForeignLayer().image
            let sample = ArchiveSample(images: [(image, "a.example.com/x:1")])
            let report = try await cache.importing(sample.archive(), at: path)
            #expect(report.images.map(\.outcome) == [.added])
            #expect(try await ArchiveClosure(of: image.top, in: cache).missing.isEmpty)
            #expect(try await cache.verify().findings.isEmpty)
            #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
        }
    }

    @Test("Members may come in any order, under './', with directories, as PAX, GNU or base-256 headers")
    func shapes() async throws {
        try await withCache { cache, path in
            var tar = TestTar()
            tar.add("./") { $0.type = UInt8(ascii: "5") }
            tar.add("./blobs/sha256/") { $0.type = UInt8(ascii: "5") }
            for (position, part) in (Self.image.blobs + Self.image.manifests).enumerated() {
                let (name, bytes) = (TestTar.name(part.descriptor.digest), Array(part.source.buffer.readableBytesView))
                switch position % 4 {
                case 0: tar.add("./" + name, bytes)
                case 1:
                    tar.addPAX([("mtime", "1.5"), ("path", name), ("size", "\(bytes.count)")])
                    tar.add("short", bytes) { $0.size = [UInt8](repeating: 0, count: 12) }
                case 2:
                    tar.addLong(name)
                    tar.add("short", bytes) { $0.magic = Array("ustar  \u{0}".utf8) }
                default:
                    let size = (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (56 - 8 * $0)) }
                    tar.add(name, bytes) { $0.size = [0x80, 0, 0, 0] + size }
                }
            }
            tar.add("index.json", text: TestTar.index([(Self.image.top, "a.example.com/x:1")]))
            tar.add("oci-layout", text: TestTar.marker)
            try await cache.importing(tar.finished, at: path)
            #expect(try await cache.tagged() == ["a.example.com/x:1": Self.image.digest])
        }
    }

    @Test("A name that is the image's digest, as containerd writes it, adds none; a tag beside it is one")
    func digestNames() async throws {
        try await withCache { cache, path in
            let digest = Self.second.digest
            var tar = TestTar()
            tar.add("oci-layout", text: TestTar.marker)
            let names = ["a.example.com/x@\(digest)", "a.example.com/x:2@\(digest)", "\(digest)", "@\(digest)"]
            let index = TestTar.index([(Self.image.top, "a.example.com/x:1")] + names.map { (Self.second.top, $0) })
            tar.add("index.json", text: index)
            tar.add(Self.image)
            tar.add(Self.second)
            try await cache.importing(tar.finished, at: path)
            #expect(try await cache.tagged() == ["a.example.com/x:1": Self.image.digest, "a.example.com/x:2": digest])
        }
    }

    @Test("Of a directory every archive is taken, whatever its ending's case, layouts, and what cannot be opened")
    func contained() async throws {
        try await TemporaryDirectory.with { path in
            let archives = ["a.tar", "b.TAR.GZ", "c.tgz", "d.tar.zstd", "e.tzst", "f.txz", "g.tar.xz"]
            for name in archives + ["x.txt", "y.tar.bak", "._a.tar"] { try Files.write("", to: "\(path)/\(name)") }
            try Files.write("{}", to: "\(path)/layout/oci-layout")
            try Files.write("{}", to: "\(path)/webapp/manifest.json")
            try Files.write("{}", to: "\(path)/webapp/index.json")
            try Files.write("", to: "\(path)/other/readme")
            try #require(symlink("a.tar", "\(path)/link.tar") == 0)
            try #require(symlink("nowhere", "\(path)/lost.tar") == 0)
            try #require(symlink("nowhere", "\(path)/lost") == 0)
            try #require(mkfifo("\(path)/pipe.tar", 0o600) == 0)
            let expected = (archives + ["layout", "link.tar", "lost.tar"]).sorted().map {
                ArchiveSource.path("\(path)/\($0)")
            }
            #expect(ArchiveSource.path(path).contained == expected)
            #expect(ArchiveSource.path("\(path)/layout").contained == [.path("\(path)/layout")])
            #expect(ArchiveSource.path("\(path)/other").contained == [.path("\(path)/other")])
        }
    }

    @Test("A directory is read as far as its index leads")
    func directory() async throws {
        try await withCache { cache, path in
            let layout = "\(path)-layout"
            try Files.write(TestTar.marker, to: "\(layout)/oci-layout")
            let index = TestTar.index([(Self.image.top, "a.example.com/x:1"), (Self.second.top, "b.example.com/y:2")])
            try Files.write(index, to: "\(layout)/index.json")
            for part in ArchiveSample(images: [(Self.image, ""), (Self.second, "")]).parts {
                try Files.write(part.source.buffer, to: "\(layout)/\(TestTar.name(part.descriptor.digest))")
            }
            try Files.write("of no image", to: "\(layout)/blobs/sha256/\(Digest.of(ByteBuffer(string: "x")).hex)")
            var options = ImportOptions()
            options.only = ["*/y:*"]
            let report = try await ArchiveImporter(cache).run(.path(layout), options)
            #expect(Array(report.skipped) == ["a.example.com/x:1"])
            #expect(try await cache.tagged() == ["b.example.com/y:2": Self.second.digest])
            #expect(try names("\(path)/blobs/sha256").count == Self.second.blobs.count + 1)
            _ = try await ArchiveImporter(cache).run(.path(layout))
            #expect(try await cache.tagged().count == 2)
        }
    }

    @Test("A directory's links are not followed")
    func links() async throws {
        try await withCache { cache, path in
            let layout = "\(path)-layout"
            try Files.write(TestTar.marker, to: "\(layout)/oci-layout")
            try Files.write("{}", to: "\(path)-outside")
            let manager = FileManager.default
            try manager.createSymbolicLink(atPath: "\(layout)/index.json", withDestinationPath: "\(path)-outside")
            let error = await #expect(throws: CacheError.self) {
                _ = try await ArchiveImporter(cache).run(.path(layout))
            }
            let text = "\(error.map { "\($0)" } ?? "")"
            #expect(error?.kind == .refusedArchive && text.contains("'index.json' is a symbolic"))
        }
    }

    @Test("What moves a tag says so, and --only keeps others from being moved")
    func moving() async throws {
        try await withCache { cache, path in
            let name = "a.example.com/x:1"
            try await cache.importing(ArchiveSample(images: [(Self.image, name)]).archive(), at: path)
            let both = ArchiveSample(images: [(Self.second, name), (Self.second, "a.example.com/x:2")])
            let only = try await cache.importing(both.archive(), at: path) { $0.only = ["*:2"] }
            #expect(only.images.map(\.outcome) == [.added])
            #expect(Array(only.skipped) == [name])
            #expect(try await cache.tagged()[name] == Self.image.digest)
            let all = try await cache.importing(both.archive(), at: path)
            #expect(all.images.map(\.outcome) == [.moved(from: Self.image.digest), .unchanged])
            #expect(try await cache.tagged()[name] == Self.second.digest)
            let error = await #expect(throws: CacheError.self) {
                try await cache.importing(both.archive(), at: path) { $0.only = ["*:3"] }
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains("none of its images matches --only; it holds \(name)"))
        }
    }

    @Test("Names come from containerd's annotation, from OCI's, or from --as")
    func naming() async throws {
        try await withCache { cache, path in
            let key = "org.opencontainers.image.ref.name"
            let tag = TestTar.layout([(Self.second, "3.20")], key: key).finished
            try await cache.importing(tag, at: path) { $0.name = try? ImageReference("quay.io/x/y") }
            let short = TestTar.layout([(Self.second, "alpine:3")], key: key).finished
            try await cache.importing(short, at: path)
            let nameless = TestTar.layout([(Self.second, nil)]).finished
            try await cache.importing(nameless, at: path) { $0.name = try? ImageReference("quay.io/x/z:7") }
            let names = ["docker.io/library/alpine:3", "quay.io/x/y:3.20", "quay.io/x/z:7"]
            #expect(try await cache.tagged().keys.sorted() == names)
        }
    }

    @Test("A file that an interrupted import left is taken over when its bytes are right, and replaced when not")
    func leftovers() async throws {
        try await withCache { cache, path in
            let layers = Self.image.blobs.filter { $0.descriptor.size == 30_000 }
            var wrong = layers[1].source.buffer
            wrong.flipByte(at: 77)
            try write(layers[0].source.buffer, to: partial(layers[0].descriptor.digest, in: path))
            try write(wrong, to: partial(layers[1].descriptor.digest, in: path))
            try write(ByteBuffer(string: "short"), to: partial(layers[2].descriptor.digest, in: path))
            try await cache.importing(ArchiveSample(images: [(Self.image, "a.example.com/x:1")]).archive(), at: path)
            for layer in layers {
                #expect(try contents(file(layer.descriptor.digest, in: path)) == layer.source.buffer)
            }
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test("Referrers come with the images they are about")
    func referrers() async throws {
        try await withCache { cache, path in
            let signature = SampleImage.artifact(of: Self.second.top)
            let stray = SampleImage.artifact(of: Self.image.top, content: "stray")
            let tar = TestTar.layout([(Self.second, "a.example.com/x:1"), (signature, nil), (stray, nil)]).finished
            let report = try await cache.importing(tar, at: path)
            #expect(report.unnamed.count == 1)
            #expect(try cache.contains(signature.top) && !cache.contains(stray.top))
            #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
        }
    }
}
