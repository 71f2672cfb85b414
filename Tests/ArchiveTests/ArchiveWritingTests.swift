import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

@Suite(.timeLimit(.minutes(10)))
struct ArchiveWritingTests {
    static let first = SampleImage.multiPlatform(seed: 1, layerSize: 700_000)
    static let second = SampleImage.image(layers: [.init(seed: 1, size: 100), .init(seed: 9, size: 300_000)])

    /// A cache with two images under three tags, and what an archive of them is made of.
    private static func withImages(
        _ body: (ContentCache, _ contents: ArchiveContents, _ path: String) async throws -> Void
    ) async throws {
        try await withCache { cache, path in
            let sample = ArchiveSample(images: [
                (first, "docker.io/library/a:1"), (second, "docker.io/library/a:2"), (second, "localhost:5000/b/c:1"),
            ])
            try await cache.importing(sample.archive(), at: path)
            let contents = ArchiveContents(images: [
                .init(reference: try ImageReference("localhost:5000/b/c:1"), descriptor: second.top),
                .init(reference: try ImageReference("docker.io/library/a:2"), descriptor: second.top),
                .init(reference: try ImageReference("docker.io/library/a:1"), descriptor: first.top),
            ])
            try Files.makeDirectory("\(path)/../out")
            try await body(cache, contents, path)
        }
    }

    private static func out(_ path: String, _ name: String = "a.tar") -> ArchiveDestination {
        .file(path: "\(path)/../out/\(name)", overwrites: false)
    }

    private static func unpack(_ file: String, to path: String) async throws -> [String] {
        try Files.makeDirectory(path)
        try await Tool.check("tar", ["-C", path, "-xf", file])
        return try Files.tree(path)
    }

    @Test("A write into a pipe that nobody reads from ends when it is interrupted")
    func interrupted() throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
        defer { close(ends[0]) }
        let interruption = Interruption()
        let output = OpenFile(owning: ends[1])
        try output.append(ByteBuffer(repeating: 1, count: 1000), unless: interruption)
        interruption.raise()
        let error = #expect(throws: SystemError.self) {
            try output.append(ByteBuffer(repeating: 1, count: 4 << 20), unless: interruption)
        }
        #expect(error?.code == ECANCELED)
    }

    @Test("The archive holds the list of itself, the names, and every blob byte for byte, in the order of the format")
    func content() async throws {
        try await Self.withImages { cache, contents, path in
            let plan = try await ArchivePlanner(cache).plan(contents)
            let volume = try #require(plan.volumes.first)
            try await ArchiveOutput(cache).write(volume, to: Self.out(path))
            let file = "\(path)/../out/a.tar"
            #expect(Int64(try Files.read(file).readableBytes) == volume.size)
            let order = try await Tool.check("tar", ["-tf", file]).lines
            let blobs = Set(
                (Self.first.blobs + Self.first.manifests + Self.second.blobs + Self.second.manifests)
                    .map { "blobs/sha256/\($0.descriptor.digest.hex)" }
            ).sorted()
            #expect(
                order == ["oci-layout", "imglife.json", "index.json", "manifest.json", "blobs/", "blobs/sha256/"]
                    + blobs
            )
            _ = try await Self.unpack(file, to: "\(path)/../x")
            for part in Self.first.blobs + Self.first.manifests + Self.second.blobs {
                let bytes = try Files.read("\(path)/../x/blobs/sha256/\(part.descriptor.digest.hex)")
                #expect(bytes == part.source.buffer)
            }
            let document = try ArchiveDocument(decoding: Files.read("\(path)/../x/imglife.json"))
            #expect(document == volume.document)
            #expect(document.blobs.count == blobs.count && document.omitted.isEmpty && document.volume == nil)
            #expect(try Files.list("\(path)/../out") == ["a.tar"])
        }
    }

    @Test("The same images give the same bytes, in whatever order they are named")
    func reproducible() async throws {
        try await Self.withImages { cache, contents, path in
            var reversed = contents
            reversed.images = ImageList(contents.images.reversed())
            for (name, contents) in [("a", contents), ("b", reversed)] {
                let plan = try await ArchivePlanner(cache).plan(contents)
                try await ArchiveOutput(cache).write(plan.volumes[0], to: Self.out(path, name))
            }
            #expect(try Files.read("\(path)/../out/a") == Files.read("\(path)/../out/b"))
        }
    }

    @Test("A damaged blob is an error that puts it aside, and no file is left", arguments: [true, false])
    func damaged(isLarge: Bool) async throws {
        try await Self.withImages { cache, contents, path in
            let plan = try await ArchivePlanner(cache).plan(contents)
            let digest = Self.second.blobs[isLarge ? 2 : 1].descriptor.digest
            var bytes = try Files.read(file(digest, in: path))
            bytes.flipByte(at: 50)
            _ = chmod(file(digest, in: path), 0o600)
            try write(bytes, to: file(digest, in: path))
            let error = await #expect(throws: CacheError.self) {
                try await ArchiveOutput(cache).write(plan.volumes[0], to: Self.out(path))
            }
            #expect(error?.kind == .corrupt && error?.digest == digest)
            #expect(try Files.list("\(path)/../out") == [])
            #expect(try names("\(path)/quarantine").count == 1)
            let missing = await #expect(throws: CacheError.self) { try await ArchivePlanner(cache).plan(contents) }
            #expect(missing?.kind == .missing && missing?.description.contains("\(digest)") == true)
        }
    }

    @Test("A file that is there is replaced only when told so, and what a killed run left is replaced")
    func overwriting() async throws {
        try await Self.withImages { cache, contents, path in
            let volume = try await ArchivePlanner(cache).plan(contents).volumes[0]
            try Files.write("old", to: "\(path)/../out/a.tar")
            try Files.write("left", to: "\(path)/../out/a.tar.tmp-export")
            let error = await #expect(throws: CacheError.self) {
                try await ArchiveOutput(cache).write(volume, to: Self.out(path))
            }
            #expect(error?.kind == .exists && error?.description.contains("--force") == true)
            #expect(try Files.text("\(path)/../out/a.tar") == "old")
            // As on NFS.
            try await withFaulty("flock-reading", on: "/out/a.tar.tmp-export", code: EBADF) { _ async throws in
                try await ArchiveOutput(cache).write(volume, to: .file(path: "\(path)/../out/a.tar", overwrites: true))
            }
            #expect(Int64(try Files.read("\(path)/../out/a.tar").readableBytes) == volume.size)
            #expect(try Files.list("\(path)/../out") == ["a.tar"])
            #expect(ArchiveOutput.isWritten(volume, at: "\(path)/../out/a.tar"))
        }
    }

    @Test("A receipt's blobs are left out and listed with its digest")
    func since() async throws {
        try await Self.withImages { cache, contents, path in
            var base = contents
            base.images = ImageList(contents.images.filter { $0.descriptor != Self.first.top })
            let held = try await ArchivePlanner(cache).plan(base)
            let receipt = try Receipt(blobs: held.blobs, images: [])
            var next = contents
            next.receipts = [receipt]
            let plan = try await ArchivePlanner(cache).plan(next)
            #expect(Set(plan.omitted.map(\.blob)).isSubset(of: held.blobs))
            #expect(plan.omitted.allSatisfy { $0.receipt == receipt.digest })
            #expect(Set(plan.blobs).isDisjoint(with: plan.omitted.map(\.blob)))
            let all = try await ArchivePlanner(cache).plan(contents).blobs
            #expect(Set(plan.blobs).union(plan.omitted.map(\.blob)) == Set(all))
            #expect(!plan.blobs.isEmpty && plan.omitted.count == held.blobs.count)
            try await ArchiveOutput(cache).write(plan.volumes[0], to: Self.out(path))
            let names = try await Tool.check("tar", ["-tf", "\(path)/../out/a.tar"]).lines
            #expect(!names.contains("manifest.json"))
        }
    }

    @Test(
        "Volumes keep to their size, list all images, and together hold every byte once",
        arguments: [130_000, 400_000]
    )
    func volumes(size: Int64) async throws {
        try await Self.withImages { cache, contents, path in
            var contents = contents
            contents.volumeSize = size
            var plan = try await ArchivePlanner(cache).plan(contents)
            try plan.sign(with: ArchiveSigningKey())
            #expect(plan.volumes.count > 2)
            var whole: Set<ArchiveDocument.Blob> = []
            var pieces: [Digest: [Int64: ByteBuffer]] = [:]
            for (position, volume) in plan.volumes.enumerated() {
                try await ArchiveOutput(cache).write(volume, to: Self.out(path, "\(position)"))
                #expect(volume.size <= size)
                #expect(Int64(try Files.read("\(path)/../out/\(position)").readableBytes) == volume.size)
                #expect(volume.document.images.count == 3)
                #expect(volume.document.volume?.number == position + 1)
                #expect(volume.document.volume?.set == plan.volumes[0].document.volume?.set)
                whole.formUnion(volume.document.blobs)
                _ = try await Self.unpack("\(path)/../out/\(position)", to: "\(path)/../x\(position)")
                for part in volume.document.parts {
                    let bytes = try Files.read("\(path)/../x\(position)/\(part.name)")
                    #expect(Digest.of(bytes) == part.digest && Int64(bytes.readableBytes) == part.length)
                    pieces[part.blob.digest, default: [:]][part.offset] = bytes
                }
            }
            for (digest, parts) in pieces {
                var bytes = ByteBuffer()
                for part in parts.sorted(by: { $0.key < $1.key }) { bytes.writeImmutableBuffer(part.value) }
                #expect(Digest.of(bytes) == digest)
            }
            #expect(Set(whole.map(\.digest)).union(pieces.keys) == Set(plan.blobs.map(\.digest)))
            #expect(size > 200_000 || !pieces.isEmpty)
        }
    }

    @Test("Volumes that could not even hold the lists are refused")
    func tinyVolumes() async throws {
        try await Self.withImages { cache, contents, _ in
            var contents = contents
            contents.volumeSize = 10_000
            await #expect(throws: DocumentError.self) { try await ArchivePlanner(cache).plan(contents) }
        }
    }

    @Test("What is being exported stays through a collection")
    func held() async throws {
        try await Self.withImages { cache, contents, path in
            let plan = try await ArchivePlanner(cache).plan(contents)
            for (location, tag) in [
                ("docker.io/library/a", "1"), ("docker.io/library/a", "2"), ("localhost:5000/b/c", "1"),
            ] {
                _ = try await cache.names.remove(TagName(tag), of: RepositoryReference(location))
            }
            _ = try await cache.collect(CollectionOptions(grace: .zero))
            try await ArchiveOutput(cache).write(plan.volumes[0], to: Self.out(path))
            #expect(try Files.list("\(path)/../out") == ["a.tar"])
        }
    }
}

extension ToolResult {
    fileprivate var lines: [String] { output.split(separator: "\n").map(String.init) }
}
