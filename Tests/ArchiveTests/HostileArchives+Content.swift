import NIOCore
import OCI
import TestSupport

extension HostileArchive {
    private static let image = TestTar.image
    private static let layer = TestTar.image.blobs[1]

    static let contents = [
        HostileArchive("a blob with other bytes", "holds other bytes than it should") {
            var tar = TestTar.head
            tar.add(TestTar.name(layer.descriptor.digest), [UInt8](repeating: 1, count: Int(layer.descriptor.size)))
            return tar.finished
        },
        HostileArchive("a flipped bit in a layer", "holds other bytes than it should") {
            var tar = TestTar.good
            let at = tar.bytes.firstRange(of: Array(TestTar.name(layer.descriptor.digest).utf8))?.lowerBound ?? 0
            tar.bytes[at + 700] ^= 4
            return tar.finished
        },
        HostileArchive("a blob twice, of two sizes", adding: "is in it twice, with different content") {
            $0.add(TestTar.name(layer.descriptor.digest), text: "other")
        },
        HostileArchive("a blob twice, with other bytes", adding: "holds other bytes than it should") {
            $0.add(TestTar.name(layer.descriptor.digest), [UInt8](repeating: 1, count: Int(layer.descriptor.size)))
        },
        HostileArchive("two indexes", adding: "is in it twice, with different content") {
            $0.add("index.json", text: TestTar.index([]))
        },
        HostileArchive("another layout version", "does not say that it is an OCI image layout") {
            var tar = TestTar()
            tar.add("oci-layout", text: #"{"imageLayoutVersion":"2.0.0"}"#)
            tar.add(image)
            return tar.finished
        },
        HostileArchive("an index of more than 64 MiB", "'index.json' has more than 67108864 bytes") {
            var tar = TestTar()
            tar.add("oci-layout", text: TestTar.marker)
            tar.add("index.json", [UInt8](repeating: 0x20, count: (64 << 20) + 1))
            return tar.finished
        },
        HostileArchive("an index that is not JSON", "is no index that may be used") { index("{") },
        HostileArchive("an index with a key twice", "stands twice") {
            index(#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#)
        },
        HostileArchive("an index with layers", "holds both 'manifests' and 'layers'") {
            index(#"{"schemaVersion":2,"manifests":[],"layers":[]}"#)
        },
        HostileArchive("an index with a key in another case", "can be taken for 'manifests'") {
            index(#"{"schemaVersion":2,"manifests":[],"Manifests":[]}"#)
        },
        HostileArchive("an index nested too deep", "is no index that may be used") {
            index(String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000))
        },
        HostileArchive("an index without images", "it holds no image") { index(TestTar.index([])) },
        HostileArchive("an index that lists a layer", "it holds no image") {
            index(TestTar.index([(layer.descriptor, TestTar.name)]))
        },
        HostileArchive("a digest that leads out", "'manifests[0]'") {
            index(
                #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.ociManifest)","#
                    + #""digest":"sha256:../../../etc/passwd","size":1}]}"#
            )
        },
        HostileArchive("a negative size in the index", "negative") {
            index(
                #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.ociManifest)","#
                    + #""digest":"\#(image.digest)","size":-1}]}"#
            )
        },
        HostileArchive("a tag for a manifest that is not there", "needs sha256:") {
            index(TestTar.index([(image.top, TestTar.name)]))
        },
        HostileArchive("one name for two images", "stands for two images") {
            let second = SampleImage.image(layers: [.init(seed: 8, size: 100)])
            return TestTar.layout([(image, TestTar.name), (second, TestTar.name)]).finished
        },
        HostileArchive("a name that is no reference", "cannot be used") {
            TestTar.layout([(image, "Not A Name")]).finished
        },
        HostileArchive("a name with another image's digest", "is that of another image") {
            TestTar.layout([(image, "registry.example.com/up/app@sha256:\(String(repeating: "0", count: 64))")])
                .finished
        },
        HostileArchive("a tag alone", "say which repository that is of with --as REPOSITORY") {
            TestTar.layout([(image, "3.20")], key: "org.opencontainers.image.ref.name").finished
        },
        HostileArchive("no name at all", "its images have no names") { TestTar.layout([(image, nil)]).finished },
        HostileArchive("a part without imglife.json", adding: "stands before imglife.json") {
            $0.add("parts/sha256/\(layer.descriptor.digest.hex)/00000000", text: "x")
        },
        HostileArchive("an imglife.json of a later version", adding: "version 2 is not known") {
            $0.add("imglife.json", text: #"{"version":2}"#)
        },
        HostileArchive("an imglife.json that lists something else", adding: "is not what imglife.json lists") {
            $0.add("imglife.json", text: #"{"version":1,"images":[],"blobs":[],"omitted":[],"parts":[]}"#)
        },
    ]

    static let manifests = [
        HostileArchive("a manifest of 5 MiB", "the manifest has more than 4194304 bytes") {
            let manifest = ByteBuffer(repeating: 0x20, count: 5 << 20)
            return root(Descriptor(mediaType: .ociManifest, bytes: manifest), [manifest])
        },
        HostileArchive("a manifest with a key twice", "stands twice") {
            manifest(#"{"schemaVersion":2,"config":{},"config":{},"layers":[]}"#)
        },
        HostileArchive("a manifest that is an index", "its type is") {
            manifest(#"{"schemaVersion":2,"manifests":[]}"#)
        },
        HostileArchive("a manifest of schema 1", "schema 1 is not mirrored") {
            manifest(#"{"schemaVersion":1,"fsLayers":[]}"#)
        },
        HostileArchive("a manifest that says another type", "are not mirrored") {
            manifest(#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.config.v1+json","layers":[]}"#)
        },
        HostileArchive("a config that is a manifest", "which no blob can be") {
            manifest(#"{"schemaVersion":2,"config":\#(text(image.top)),"layers":[]}"#)
        },
        HostileArchive("a layer of another size", "is referred to as two different things") {
            let layers = [text(layer.descriptor), text(shortLayer)].joined(separator: ",")
            return manifest(#"{"schemaVersion":2,"config":\#(config),"layers":[\#(layers)]}"#)
        },
        HostileArchive("a layer that is a config's size", "needs sha256:") {
            manifest(#"{"schemaVersion":2,"config":\#(config),"layers":[\#(text(shortLayer))]}"#)
        },
        HostileArchive("an index of a manifest that is a layer", "is no manifest that may be used") {
            root(described(layer.descriptor.digest, size: layer.descriptor.size, as: .ociManifest), [])
        },
        HostileArchive("indexes nested nine deep", "is an index nested deeper than 8 levels") {
            var nested = image
            for _ in 0..<9 { nested = SampleImage.index(of: [nested]) }
            return TestTar.layout([(nested, TestTar.name)]).finished
        },
        HostileArchive("an index that refers to itself", "holds other bytes than it should") {
            // A digest cannot be chosen; what claims to be its own child has another one.
            let text = TestTar.index([(image.top, nil)])
            var tar = TestTar.head
            tar.add(TestTar.name(image.digest), text: text)
            return tar.finished
        },
        HostileArchive("a layer is missing", "it is incomplete") {
            var tar = TestTar.head
            for part in image.blobs.dropLast() + image.manifests {
                tar.add(TestTar.name(part.descriptor.digest), Array(part.source.buffer.readableBytesView))
            }
            return tar.finished
        },
        HostileArchive("a platform is missing", "it is incomplete") {
            let whole = SampleImage.multiPlatform()
            var tar = TestTar()
            tar.add("oci-layout", text: TestTar.marker)
            tar.add("index.json", text: TestTar.index([(whole.top, TestTar.name)]))
            for part in whole.blobs.prefix(3) + whole.manifests.suffix(1) {
                tar.add(TestTar.name(part.descriptor.digest), Array(part.source.buffer.readableBytesView))
            }
            return tar.finished
        },
    ]

    private static func index(_ text: String) -> ByteBuffer {
        var tar = TestTar()
        tar.add("oci-layout", text: TestTar.marker)
        tar.add("index.json", text: text)
        return tar.finished
    }

    private static func manifest(_ text: String) -> ByteBuffer {
        let bytes = ByteBuffer(string: text)
        return root(Descriptor(mediaType: .ociManifest, bytes: bytes), [bytes])
    }

    /// The good image's blobs with another manifest.
    private static func root(_ descriptor: Descriptor, _ more: [ByteBuffer]) -> ByteBuffer {
        var tar = TestTar()
        tar.add("oci-layout", text: TestTar.marker)
        tar.add("index.json", text: TestTar.index([(descriptor, TestTar.name)]))
        tar.add(image)
        for bytes in more { tar.add(TestTar.name(.of(bytes)), Array(bytes.readableBytesView)) }
        return tar.finished
    }

    private static var config: String { text(image.blobs[0].descriptor) }

    /// The layer with a size that it does not have.
    private static var shortLayer: Descriptor {
        described(layer.descriptor.digest, size: 7, as: layer.descriptor.mediaType)
    }

    private static func described(_ digest: Digest, size: Int64, as type: MediaType) -> Descriptor {
        guard let descriptor = Descriptor(mediaType: type, digest: digest, size: size) else {
            preconditionFailure("the size is not negative")
        }
        return descriptor
    }

    private static func text(_ descriptor: Descriptor) -> String {
        #"{"mediaType":"\#(descriptor.mediaType)","digest":"\#(descriptor.digest)","size":\#(descriptor.size)}"#
    }
}
