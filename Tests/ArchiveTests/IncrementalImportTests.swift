import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct IncrementalImportTests {
    private static let old = SampleImage.image(layers: [.init(seed: 1, size: 20_000), .init(seed: 2, size: 500)])
    private static let new = SampleImage.image(layers: [.init(seed: 1, size: 20_000), .init(seed: 3, size: 600)])
    private static let base = ArchiveSample(images: [(old, "a.example.com/x:1")])
    private static let sample = ArchiveSample(images: [(new, "a.example.com/x:2")])
    private static let shared = Set(old.blobs.map(\.descriptor.digest)).intersection(new.blobs.map(\.descriptor.digest))

    @Test("A receipt lists what the tags keep, and an archive made with it brings the rest")
    func roundTrip() async throws {
        try await withCache { cache, path in
            try await cache.importing(Self.base.archive(), at: path)
            let receipt = try await Receipt(of: cache)
            #expect(Array(receipt.blobs) == Self.base.parts.map(ArchiveSample.blob).sorted { $0.digest < $1.digest })
            #expect(receipt.images.map(\.reference.description) == ["a.example.com/x:1"])
            #expect(try Receipt(decoding: receipt.encoded) == receipt)
            let archive = try Self.sample.archive(without: Self.shared, receipt: receipt.digest)
            let report = try await cache.importing(archive, at: path)
            #expect(report.blobs == Self.sample.parts.count - Self.shared.count)
            #expect(report.presentBlobs == Self.shared.count)
            #expect(try await cache.tagged()["a.example.com/x:2"] == Self.new.digest)
        }
    }

    @Test("A base that is missing is named with its receipt, and nothing becomes visible")
    func missingBase() async throws {
        try await withCache { cache, path in
            let receipt = Digest.of(ByteBuffer(string: "a receipt"))
            let archive = try Self.sample.archive(without: Self.shared, receipt: receipt)
            let error = await #expect(throws: CacheError.self) { try await cache.importing(archive, at: path) }
            let text = "\(error.map { "\($0)" } ?? "")"
            #expect(text.contains("leaves out \(Self.shared.count) blob"))
            #expect(text.contains("because of the receipt \(receipt): "))
            for digest in Self.shared { #expect(text.contains("\(digest)")) }
            #expect(try names("\(path)/blobs/sha256").isEmpty)
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try await cache.tagged().isEmpty)
        }
    }

    @Test("What no tag keeps any more is in no receipt")
    func unreferenced() async throws {
        try await TemporaryDirectory.with { path in
            let place = "\(path)/cache"
            try await ContentCache.with(configuration(place)) { cache in
                _ = try await cache.importing(Self.base.archive(), at: place)
                _ = try await cache.names.remove(TagName("1"), of: RepositoryReference("a.example.com/x"))
            }
            let receipt = try await ContentCache.with(configuration(place)) { try await Receipt(of: $0) }
            #expect(receipt.blobs.isEmpty)
            #expect(receipt.images.isEmpty)
        }
    }

    @Test("A signature is demanded, checked against the key, and covers the list of blobs")
    func signatures() async throws {
        let (key, other) = (ArchiveSigningKey(), ArchiveSigningKey())
        let signed = try Self.sample.archive(key: key)
        try await withCache { cache, path in
            func refusal(_ bytes: ByteBuffer, _ keys: [ArchiveVerificationKey]) async throws -> String {
                let error = await #expect(throws: CacheError.self) {
                    try await cache.importing(bytes, at: path) { $0.keys = keys }
                }
                return error.map { "\($0)" } ?? ""
            }
            let unsigned = try Self.sample.archive()
            #expect(try await refusal(unsigned, [key.verificationKey]).contains("it is not signed, but --verify-key"))
            #expect(try await refusal(signed, [other.verificationKey]).contains("is not signed with the key"))
            let foreign = TestTar.good.finished
            #expect(try await refusal(foreign, [key.verificationKey]).contains("it is not signed, but --verify-key"))
            // One more blob, which is in no list.
            var more = signed.getSlice(at: 0, length: signed.readableBytes - 1024) ?? signed
            var extra = TestTar()
            let bytes = ByteBuffer(string: "smuggled")
            extra.add(TestTar.name(.of(bytes)), Array(bytes.readableBytesView))
            more.writeImmutableBuffer(extra.finished)
            #expect(try await refusal(more, [key.verificationKey]).contains("is not what imglife.json lists"))
            #expect(try names("\(path)/blobs/sha256").isEmpty)
            #expect(try names("\(path)/ingest").isEmpty)
            try await cache.importing(signed, at: path) { $0.keys = [other.verificationKey, key.verificationKey] }
            #expect(try await cache.tagged()["a.example.com/x:2"] == Self.new.digest)
        }
    }
}
