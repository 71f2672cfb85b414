import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ContentTests {
    @Test("Random bytes are the same wherever a read starts", arguments: [0, 1, 7, 8, 65_535, 65_536, 65_540, 200_000])
    func randomBytes(offset: Int) {
        let bytes = RandomBytes(seed: 5)
        let whole = bytes.read(at: 0, count: 300_000)
        #expect(bytes.read(at: offset, count: 70_000) == whole.getSlice(at: offset, length: 70_000))
        #expect(RandomBytes(seed: 6).read(at: 0, count: 100) != bytes.read(at: 0, count: 100))
        #expect(bytes.read(at: 0, count: 65_536) != bytes.read(at: 65_536, count: 65_536))
    }

    @Test(
        "Sample images are deterministic and are read as what they are",
        arguments: [SampleImage.Format.oci, .docker]
    )
    func samples(format: SampleImage.Format) throws {
        let image = SampleImage.multiPlatform(format)
        #expect(image.digest == SampleImage.multiPlatform(format).digest)
        #expect(image.digest != SampleImage.multiPlatform(format, seed: 2).digest)
        // Two configs, a shared layer and one layer each.
        #expect(image.blobs.count == 5)
        #expect(image.manifests.count == 3)
        for part in image.manifests {
            let manifest = try Manifest(bytes: part.source.buffer, contentType: nil, expected: part.descriptor)
            #expect(manifest.descriptor == part.descriptor)
        }
    }

    @Test("Attestations and artifacts point at what they are about")
    func pointing() throws {
        let image = SampleImage.image()
        let index = SampleImage.index(of: [image, .attestation(of: image)])
        #expect(String(buffer: index.topBytes).contains(#""architecture":"unknown""#))
        let artifact = SampleImage.artifact(of: image.top)
        #expect(try Manifest(bytes: artifact.topBytes, contentType: .ociManifest).subject == image.top)
        let nested = SampleImage.index(of: [index, image])
        #expect(nested.manifests.map(\.descriptor.digest).last == nested.digest)
        #expect(nested.manifests.count == 4)
    }

    @Test("A temporary directory is gone afterwards")
    func temporaryDirectory() async throws {
        let path = try await TemporaryDirectory.with { path in
            try Files.write("x", to: "\(path)/a/b")
            #expect(try Files.tree(path) == ["a/b"])
            return path
        }
        #expect(!Files.exists(path))
    }

    @Test("A product of this package is found beside the tests")
    func builtProduct() {
        #expect(Files.exists(Tool.builtProduct("imglife")))
    }

    @Test("A program's status and output are given, and one that does not end is an error")
    func programs() async throws {
        let result = try await Tool.run(
            "sh",
            ["-c", "cat; echo $X >&2; exit 3"],
            environment: ["X": "err"],
            stdin: Array("in".utf8)
        )
        #expect(result.status == 3)
        #expect(result.output == "in")
        #expect(result.errors == "err\n")
        await #expect(throws: ToolError.self) {
            try await Tool.run("sleep", ["60"], limit: .milliseconds(10))
        }
    }
}
