import NIOCore
import OCI
import TestSupport

/// A tar archive in the making, with any mistake that a test asks for.
struct TestTar {
    /// One header block; every field can be replaced by other bytes.
    struct Header {
        var name: [UInt8]
        var type = UInt8(ascii: "0")
        var size: [UInt8]
        var link: [UInt8] = []
        var magic = Array("ustar\u{0}00".utf8)
        var prefix: [UInt8] = []
        /// Added to the right sum.
        var checksumError = 0

        init(_ name: String, size: Int) {
            self.name = Array(name.utf8)
            self.size = Self.octal(size, digits: 11)
        }

        static func octal(_ value: Int, digits: Int) -> [UInt8] {
            let text = String(value, radix: 8)
            return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8) + [0]
        }

        var block: [UInt8] {
            var block = [UInt8](repeating: 0, count: 512)
            func put(_ bytes: [UInt8], at offset: Int, _ limit: Int) {
                block.replaceSubrange(offset..<offset + min(limit, bytes.count), with: bytes.prefix(limit))
            }
            put(name, at: 0, 100)
            for (offset, length) in [(100, 8), (108, 8), (116, 8)] { put(Self.octal(0, digits: 7), at: offset, length) }
            put(size, at: 124, 12)
            put(Self.octal(0, digits: 11), at: 136, 12)
            block[156] = type
            put(link, at: 157, 100)
            put(magic, at: 257, 8)
            put(prefix, at: 345, 155)
            put(Array("        ".utf8), at: 148, 8)
            let sum = block.reduce(checksumError) { $0 + Int($1) }
            put(Array(Self.octal(sum, digits: 6) + [UInt8(ascii: " ")]), at: 148, 8)
            return block
        }
    }

    var bytes: [UInt8] = []

    /// Adds a file, or another kind of member, with its content.
    mutating func add(_ name: String, _ content: [UInt8] = [], _ change: (inout Header) -> Void = { _ in }) {
        var header = Header(name, size: content.count)
        change(&header)
        bytes += header.block + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func add(_ name: String, text: String) {
        add(name, Array(text.utf8))
    }

    mutating func add(_ image: SampleImage) {
        for part in (image.blobs + image.manifests).sorted(by: { $0.descriptor.digest < $1.descriptor.digest }) {
            add(Self.name(part.descriptor.digest), Array(part.source.buffer.readableBytesView))
        }
    }

    /// A PAX header of these records, for the next member.
    mutating func addPAX(_ records: [(String, String)], type: UInt8 = UInt8(ascii: "x")) {
        let text = records.map { key, value in Self.record(key, value) }.joined()
        add("PaxHeaders/0", Array(text.utf8)) { $0.type = type }
    }

    /// GNU tar's name (`L`) or link target (`K`) of the next member.
    mutating func addLong(_ text: String, type: Unicode.Scalar = "L") {
        add("././@LongLink", Array(text.utf8) + [0]) {
            $0.type = UInt8(ascii: type)
            $0.magic = Array("ustar  \u{0}".utf8)
        }
    }

    /// The archive with its end.
    var finished: ByteBuffer {
        ByteBuffer(bytes: bytes + [UInt8](repeating: 0, count: 1024))
    }

    static func name(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    private static func record(_ key: String, _ value: String) -> String {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count + 1
        while String(length).utf8.count + rest.utf8.count != length { length += 1 }
        return "\(length)\(rest)"
    }
}

extension TestTar {
    static let marker = #"{"imageLayoutVersion":"1.0.0"}"#
    static let image = SampleImage.image(layers: [.init(seed: 5, size: 1500), .init(seed: 6, size: 700)])
    static let name = "registry.example.com/up/app:1"

    /// The text of an `index.json`.
    static func index(_ entries: [(Descriptor, name: String?)], key: String = "io.containerd.image.name") -> String {
        let texts = entries.map { descriptor, name in
            let annotations = name.map { #","annotations":{"\#(key)":"\#($0)"}"# } ?? ""
            return #"{"mediaType":"\#(descriptor.mediaType)","digest":"\#(descriptor.digest)","#
                + #""size":\#(descriptor.size)"# + annotations + "}"
        }
        return #"{"schemaVersion":2,"manifests":["# + texts.joined(separator: ",") + "]}"
    }

    /// A layout of some images.
    static func layout(_ images: [(SampleImage, name: String?)], key: String = "io.containerd.image.name") -> TestTar {
        var tar = TestTar()
        tar.add("oci-layout", text: marker)
        tar.add("index.json", text: index(images.map { ($0.0.top, $0.name) }, key: key))
        for (image, _) in images { tar.add(image) }
        return tar
    }

    /// A good archive of one image.
    static var good: TestTar { layout([(image, name)]) }

    /// What comes before the blobs of a good archive.
    static var head: TestTar {
        var tar = TestTar()
        tar.add("oci-layout", text: marker)
        tar.add("index.json", text: index([(image.top, name)]))
        return tar
    }
}
