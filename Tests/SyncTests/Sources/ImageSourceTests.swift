import NIOCore
import OCI
import TestSupport
import Testing

@testable import Sync

/// What planning and copying rely on, whatever kind of source it is.
@Suite(.timeLimit(.minutes(10)))
struct ImageSourceTests {
    private let contents = SourceKind.Contents()

    @Test("All tags are listed, each once, and a repository that is not there has none", arguments: SourceKind.allCases)
    func tags(_ kind: SourceKind) async throws {
        try await kind.with(contents) { source, absent in
            let names = Set(contents.tags.map(\.name))
            let tags = try #require(try await source.tags())
            #expect(tags.count == names.count && Set(tags) == names)
            let listed = try #require(try await source.listing())
            #expect(Set(listed.tags.map(\.name)) == names && listed.warnings.isEmpty)
            for tag in listed.tags {
                let digest = contents.tags.first { $0.name == tag.name }?.image.digest
                #expect(tag.digest == nil || tag.digest == digest)
            }
            #expect(try await absent.tags() == nil)
        }
    }

    @Test("A config that is said to be large is not read", arguments: SourceKind.allCases)
    func largeConfigs(_ kind: SourceKind) async throws {
        try await kind.with(contents) { source, _ in
            let blob = try #require(contents.tags.first?.image.blobs.first).descriptor
            let config = try #require(Descriptor(mediaType: .ociConfig, digest: blob.digest, size: (4 << 20) + 1))
            await #expect {
                _ = try await ConfigReader(source: source, cache: nil).read(config)
            } throws: { ($0 as? DocumentError)?.kind == .tooLarge }
        }
    }

    @Test(
        "A tag and a digest stand for the manifest, and what is not there for nothing",
        arguments: SourceKind.allCases
    )
    func manifests(_ kind: SourceKind) async throws {
        try await kind.with(contents) { source, _ in
            for (name, image) in contents.tags {
                #expect(try await source.resolve(.tag(name))?.digest == image.digest)
                for reference in [Reference.tag(name), .digest(image.digest)] {
                    let manifest = try await source.manifest(reference)
                    #expect(manifest?.bytes == image.topBytes && manifest?.descriptor == image.top)
                }
                for part in image.manifests {
                    #expect(try await source.manifest(part.descriptor).bytes == part.source.buffer)
                }
            }
            let unknown = Digest.of(ByteBuffer(string: "nothing"), algorithm: .sha256)
            for reference in [Reference.tag("3.0"), .digest(unknown)] {
                #expect(try await source.resolve(reference) == nil)
                #expect(try await source.manifest(reference) == nil)
            }
            let lacking = try #require(Descriptor(mediaType: .ociManifest, digest: unknown, size: 7))
            await #expect(throws: (any Error).self) { try await source.manifest(lacking) }
        }
    }

    @Test(
        "A blob is delivered from any offset to its end, and an error of the reader is thrown as it is",
        arguments: SourceKind.allCases
    )
    func blobs(_ kind: SourceKind) async throws {
        struct Enough: Error {}
        try await kind.with(contents) { source, _ in
            for part in contents.image.blobs + contents.other.blobs {
                #expect(try await source.blobSize(part.descriptor.digest, named: nil) == part.descriptor.size)
                for offset in [0, 1, part.descriptor.size / 2, part.descriptor.size - 1, part.descriptor.size] {
                    var bytes = ByteBuffer()
                    try await source.readBlob(part.descriptor, from: offset) { bytes.writeImmutableBuffer($0) }
                    let whole = part.source.buffer
                    #expect(bytes == whole.getSlice(at: Int(offset), length: whole.readableBytes - Int(offset)))
                }
                await #expect(throws: Enough.self) {
                    try await source.readBlob(part.descriptor, from: 0) { _ in throw Enough() }
                }
            }
            let unknown = Digest.of(ByteBuffer(string: "nothing"), algorithm: .sha256)
            #expect(try await source.blobSize(unknown, named: nil) == nil)
        }
    }

    @Test("What refers to a manifest is listed, or the source has no such list", arguments: SourceKind.allCases)
    func referrers(_ kind: SourceKind) async throws {
        try await kind.with(contents) { source, _ in
            guard let listed = try await source.listedReferrers(of: contents.image.digest) else { return }
            #expect(listed.map(\.descriptor.digest) == [contents.signature.digest])
            #expect(try await source.listedReferrers(of: contents.other.digest)?.isEmpty == true)
        }
    }
}
