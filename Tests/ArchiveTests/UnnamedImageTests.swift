import Archive
import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

/// Which images of a layout are told as left out because they have no name.
@Suite(.timeLimit(.minutes(10)))
struct UnnamedImageTests {
    private static let index = SampleImage.multiPlatform(seed: 97)
    private static let other = SampleImage.multiPlatform(seed: 98)
    private static let stray = SampleImage.image(layers: [.init(seed: 99, size: 700)])
    private static let name = "a.example.com/x:1"

    private static func children(of index: SampleImage) -> [(Descriptor, name: String?)] {
        index.manifests.dropLast().map { ($0.descriptor, name: nil) }
    }

    @Test("What oras lists without a name and an index of the archive lists too is none of its own, taken or not")
    func children() async throws {
        let entries: [(Descriptor, name: String?)] =
            [(Self.index.top, Self.name), (Self.other.top, nil), (Self.stray.top, nil)]
            + Self.children(of: Self.index) + Self.children(of: Self.other)
        for only in [[], ["a.example.com/y:1"]] {
            var entries = entries
            if !only.isEmpty { entries.append((Self.stray.top, name: "a.example.com/y:1")) }
            var tar = TestTar()
            tar.add("oci-layout", text: TestTar.marker)
            tar.add("index.json", text: TestTar.index(entries))
            for image in [Self.index, Self.other, Self.stray] { tar.add(image) }
            try await withCache { cache, path async throws in
                let report = try await cache.importing(tar.finished, at: path) { $0.only = only }
                let unnamed = only.isEmpty ? [Self.other.digest, Self.stray.digest] : [Self.other.digest]
                #expect(report.unnamed == unnamed.sorted())
            }
        }
    }
}
