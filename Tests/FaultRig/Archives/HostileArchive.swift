import OCI
import TestSupport

/// An archive that asks for more than it may have, made from a number: the same number gives the same archive.
struct HostileArchive: Sendable {
    /// What is wrong with it.
    enum Kind: CaseIterable, Sendable {
        case flippedBits, cut, hugeSize, negativeSize, deepHeaders, longHeader, longName, sparse, links, devices, names
        case twoContents, manyMembers, deepList, longList, absentBlobs, gzipBomb, zstdBomb, xzBomb, wideWindow, members
    }

    let kind: Kind
    let number: Int
    /// A good archive.
    let base: [UInt8]

    init(_ number: Int, base: [UInt8]) {
        kind = Kind.allCases[number % Kind.allCases.count]
        self.number = number
        self.base = base
    }

    /// A shell's command that writes it to `file` from standard input: its bytes, or what it is made of.
    var writing: String {
        switch kind {
        // In members of which one is made, because gzip is slow: 3 GiB in all.
        case .gzipBomb:
            """
            (cat; head -c 48M /dev/zero) | gzip -1 >file
            head -c 48M /dev/zero | gzip -1 >zeros; for i in $(seq 63); do cat zeros; done >>file; rm zeros
            """
        case .zstdBomb: "(cat; head -c 3G /dev/zero) | zstd -q -1 >file"
        case .xzBomb: "(cat; head -c 500M /dev/zero) | xz -0 >file"
        case .wideWindow: "zstd -q --ultra --long=31 --zstd=wlog=31 >file"
        case .members:
            "gzip >part; i=0; while [ $i -lt 2000 ]; do printf '' | gzip; i=$((i+1)); done >file; cat part >>file"
        default: "cat >file"
        }
    }

    var bytes: [UInt8] {
        var random = SeededGenerator(number)
        switch kind {
        case .flippedBits:
            var bytes = base
            for _ in 0...number % 7 {
                let bit = Int.random(in: 0..<8, using: &random)
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8(1) << bit
            }
            return bytes
        case .cut: return Array(base.prefix(Int.random(in: 1..<base.count, using: &random)))
        case .gzipBomb, .zstdBomb, .xzBomb: return blobHeader(claiming: 1 << 40)
        case .wideWindow, .members: return base
        default: return tar(&random).finished + base.prefix(number % 3 * 512)
        }
    }

    private var blob: [UInt8] { Array("blobs/sha256/\(String(repeating: "a", count: 64))".utf8) }

    /// The beginning of a blob without an end.
    private func blobHeader(claiming size: Int) -> [UInt8] {
        var tar = RawTar()
        tar.add("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
        tar.add(blob, sizeField: [0x80, 0, 0, 0] + withUnsafeBytes(of: UInt64(size).bigEndian, Array.init))
        return tar.bytes
    }

    private func tar(_ random: inout SeededGenerator) -> RawTar {
        var tar = RawTar()
        if number % 2 == 0 { tar.add("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#) }
        switch kind {
        case .hugeSize:
            tar.add([blob, Array("index.json".utf8), Array("imglife.json".utf8)][number % 3], size: 0o77777777777)
        case .negativeSize: tar.add(blob, sizeField: [UInt8](repeating: number % 2 == 0 ? 0xFF : 0xBF, count: 12))
        case .deepHeaders:
            for _ in 0..<50_000 { tar.add("pax", type: number % 2 == 0 ? "x" : "L", "10 path=x\n") }
        case .longHeader: tar.add(Array("pax".utf8), type: ["x", "L", "K", "g"][number % 4], size: 0o7777777777)
        case .longName:
            tar.add("long", type: number % 2 == 0 ? "L" : "x", String(repeating: "a/", count: 30_000))
            tar.add("x", "y")
        case .sparse:
            tar.add("pax", type: "x", "22 GNU.sparse.major=1\n")
            tar.add(blob, type: number % 2 == 0 ? "S" : "0", content: [1, 2, 3])
        case .links: tar.add("index.json", type: number % 2 == 0 ? "1" : "2", link: "/etc/passwd")
        case .devices: tar.add(blob, type: ["3", "4", "6", "7"][number % 4])
        case .names: tar.add(Self.names[number % Self.names.count], content: [1])
        default: fill(&tar)
        }
        return tar
    }

    private static let names: [[UInt8]] = [
        Array("/etc/passwd".utf8), Array("../../index.json".utf8), Array("blobs/../../x".utf8), [0xFF, 0xFE], [],
        Array("INDEX.JSON".utf8), Array("blobs/sha256/\nx".utf8), Array("x\u{0}y".utf8), Array("blobs//sha256".utf8),
    ]

    private func fill(_ tar: inout RawTar) {
        switch kind {
        case .twoContents:
            for text in ["{}", "[]"] { tar.add("index.json", text) }
        case .manyMembers:
            tar.add("blobs/", type: "5")
            tar.repeatAll(501_000)
        case .deepList: tar.add("index.json", String(repeating: number % 2 == 0 ? "[" : #"{"a":"#, count: 4_000_000))
        case .longList:
            let entry = #"{"mediaType":"a/b","size":1,"digest":"sha256:\#(String(repeating: "a", count: 64))"},"#
            let name = number % 2 == 0 ? "index.json" : "manifest.json"
            tar.add(name, #"{"schemaVersion":2,"manifests":["# + String(repeating: entry, count: 400_000) + "{}]}")
        default:
            let blobs = (0..<100_000).map { #"{"digest":"\#(Digest.of(String($0)))","size":1}"# }
            let text =
                #"{"version":1,"images":[],"omitted":[],"parts":[],"blobs":["# + blobs.joined(separator: ",") + "]}"
            tar.add("imglife.json", text)
        }
    }
}

extension Digest {
    fileprivate static func of(_ text: String) -> Digest {
        var hasher = DigestHasher(.sha256)
        Array(text.utf8).withUnsafeBytes { hasher.update($0) }
        return hasher.finalize()
    }
}
