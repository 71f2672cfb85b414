import CacheSupport
import NIOCore
import OCI
import TestSupport

extension HostileArchive {
    /// What `docker save` wrote before version 25, with one thing wrong each.
    static let docker = [
        HostileArchive("a manifest.json that is no list", "is not a list") { archive("{}") },
        HostileArchive("a manifest.json of 20001 images", "lists more than 20000 images") {
            archive("[" + Array(repeating: "{}", count: 20_001).joined(separator: ",") + "]")
        },
        HostileArchive("a docker image without a config", "lists an image without Config or Layers") {
            archive(#"[{"Layers":[]}]"#)
        },
        HostileArchive("a config that is not there", "names 'x.json', which is not in the archive") {
            archive("[" + item(config: "x.json") + "]")
        },
        HostileArchive("a layer's name that leads out", "names '../../etc/passwd', which is not in the archive") {
            archive("[" + item(layers: #""../../etc/passwd""#) + "]")
        },
        HostileArchive("a layer that is a number", "names a layer by something else than a text") {
            archive("[" + item(layers: "1") + "]")
        },
        HostileArchive("more layers than the config has", "is of 1 layers, but manifest.json lists 2") {
            archive("[" + item(layers: "\"\(layerName)\",\"\(layerName)\"") + "]")
        },
        HostileArchive("a name that is a number", "names an image by something else than a text") {
            archive("[" + item(tags: "1") + "]")
        },
        HostileArchive("a docker name that is no reference", "cannot be used") {
            archive("[" + item(tags: #""A B:1""#) + "]")
        },
        HostileArchive("one docker name for two images", "stands for two images") {
            var tar = TestTar()
            let other = configuration(#""sha256:\#(Digest.of(layer).hex)"],"history":[{}"#)
            tar.add(name(other), text: other)
            return archive("[" + item() + "," + item(config: name(other)) + "]", tar)
        },
        HostileArchive("a layer that is not the config's", "names the layer 'sha256:\(hex)', but the archive has") {
            let text = configuration("\"sha256:\(hex)\"")
            return archive("[" + item(config: name(text)) + "]", config: text)
        },
        HostileArchive("a config that is not JSON", ".json' is ") {
            archive("[" + item(config: name("{")) + "]", config: "{")
        },
        HostileArchive("a config without layers", "is no image's config") {
            archive("[" + item(config: name("{}")) + "]", config: "{}")
        },
        HostileArchive("a config with another one's name", "holds other bytes than its name says") {
            var tar = TestTar()
            tar.add("\(hex).json", text: configuration())
            return archive("[" + item(config: "\(hex).json") + "]", tar)
        },
        HostileArchive("a config twice", "is in it twice, with different content") {
            var tar = TestTar()
            tar.add(name(configuration()), text: "{}")
            return archive("[" + item() + "]", tar)
        },
        HostileArchive("a link to a layer that is not there", "\(hex)/layer.tar', which is not in the archive") {
            var tar = TestTar()
            tar.addLink("\(hex)/layer.tar", to: "../\(other).tar")
            return archive("[" + item(layers: "\"\(hex)/layer.tar\"") + "]", tar)
        },
        HostileArchive("links that lead to one another", "\(hex)/layer.tar', which is not in the archive") {
            var tar = TestTar()
            tar.addLink("\(hex)/layer.tar", to: "../\(other)/layer.tar")
            tar.addLink("\(other)/layer.tar", to: "../\(hex)/layer.tar")
            return archive("[" + item(layers: "\"\(hex)/layer.tar\"") + "]", tar)
        },
        HostileArchive("a layer that is a link as well", "is in it twice, with different content") {
            var tar = TestTar()
            tar.addLink(layerName, to: "../\(other).tar")
            return archive("[" + item() + "]", tar)
        },
        HostileArchive("a layer that is xz", "one of its layers is compressed with xz") {
            var tar = TestTar()
            tar.add("\(hex)/layer.tar", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0] + [UInt8](repeating: 1, count: 600))
            return archive("[" + item(layers: "\"\(hex)/layer.tar\"") + "]", tar)
        },
    ]

    /// A good one.
    static var goodDocker: ByteBuffer { archive("[" + item() + "]") }

    private static let hex = String(repeating: "ab", count: 32)
    private static let other = String(repeating: "cd", count: 32)
    private static let layer = ByteBuffer(string: String(repeating: "layer ", count: 200))
    private static var layerName: String { "\(Digest.of(layer).hex)/layer.tar" }

    private static func configuration(_ layers: String = "\"\(Digest.of(layer))\"") -> String {
        #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[\#(layers)]}}"#
    }

    private static func name(_ config: String) -> String { "\(Digest.of(ByteBuffer(string: config)).hex).json" }

    /// One image of `manifest.json`.
    private static func item(
        config: String = name(configuration()),
        layers: String = "\"\(layerName)\"",
        tags: String = "\"\(TestTar.name)\""
    ) -> String {
        #"{"Config":"\#(config)","RepoTags":[\#(tags)],"Layers":[\#(layers)]}"#
    }

    private static func archive(
        _ manifest: String,
        _ more: TestTar = TestTar(),
        config: String = configuration()
    ) -> ByteBuffer {
        var tar = more
        tar.add(name(config), text: config)
        tar.add(layerName, Array(layer.readableBytesView))
        tar.add("manifest.json", text: manifest)
        return tar.finished
    }
}

extension TestTar {
    fileprivate mutating func addLink(_ name: String, to target: String) {
        add(name) { ($0.type, $0.link) = (UInt8(ascii: "2"), Array(target.utf8)) }
    }
}
