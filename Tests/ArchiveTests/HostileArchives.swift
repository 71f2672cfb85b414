import NIOCore
import OCI
import TestSupport
import Testing

/// An archive that must be refused, and a part of the line that says why.
struct HostileArchive: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: ByteBuffer
    let reason: String

    init(_ what: String, _ reason: String, _ build: () -> ByteBuffer) {
        testDescription = what
        bytes = build()
        self.reason = reason
    }

    /// A good archive with one more member before its end.
    init(_ what: String, adding reason: String, _ change: (inout TestTar) -> Void) {
        self.init(what, reason) {
            var tar = TestTar.good
            change(&tar)
            return tar.finished
        }
    }

    static let all = names + types + sizes + extensions + endings + contents + manifests + docker
}

private let hex = String(repeating: "ab", count: 32)
private let other = String(repeating: "cd", count: 32)

extension HostileArchive {
    fileprivate static let names = [
        HostileArchive("a name that leads out", adding: "'../index.json' has a name that leads out of the archive") {
            $0.add("../index.json", text: "{}")
        },
        HostileArchive("a name that leads out within", adding: "leads out of the archive") {
            $0.add("blobs/sha256/../../../etc/passwd", text: "x")
        },
        HostileArchive("an absolute name", adding: "'/etc/passwd' has an absolute name") {
            $0.add("/etc/passwd", text: "root")
        },
        HostileArchive("an absolute blob", adding: "has an absolute name") {
            $0.add("/blobs/sha256/\(hex)", text: "x")
        },
        HostileArchive("a directory that leads out", adding: "leads out of the archive") {
            $0.add("../up/") { $0.type = UInt8(ascii: "5") }
        },
        HostileArchive("an absolute directory", adding: "has an absolute name") {
            $0.add("/tmp/") { $0.type = UInt8(ascii: "5") }
        },
        HostileArchive("an unknown member", adding: "'README' has no place in an image archive") {
            $0.add("README", text: "hello")
        },
        HostileArchive("a second './'", adding: "has no place") { $0.add("././index.json", text: "{}") },
        HostileArchive("a doubled slash", adding: "has no place") { $0.add("blobs//sha256/\(hex)", text: "x") },
        HostileArchive("a file with a directory's name", adding: "has no place") { $0.add("blobs/", text: "x") },
        HostileArchive("a blob in upper case", adding: "in upper and lower case only") {
            $0.add("blobs/sha256/\(hex.uppercased())", text: "x")
        },
        HostileArchive("INDEX.JSON beside index.json", adding: "differs from 'index.json' in upper and lower case") {
            $0.add("INDEX.JSON", text: "{}")
        },
        HostileArchive("a digest that is too short", adding: "has no place") { $0.add("blobs/sha256/abcd", text: "x") },
        HostileArchive("an unknown algorithm", adding: "has no place") { $0.add("blobs/md5/\(hex)", text: "x") },
        HostileArchive("a NUL in a name", adding: "has bytes behind the end of its name") {
            $0.add("index.json") { $0.name += [0] + Array("../../x".utf8) }
        },
        HostileArchive("a name that is not UTF-8", adding: "has a name that is not UTF-8") {
            $0.add("x") { $0.name = [0xFF, 0xFE, 0x41] }
        },
        HostileArchive("a name with an escape sequence", adding: #"'\u{1b}[2Jx' has no place"#) {
            $0.add("\u{1B}[2Jx", text: "x")
        },
        HostileArchive("no name", adding: "a member without a name") { $0.add("") },
        HostileArchive("a name in the prefix that leads out", adding: "leads out of the archive") {
            $0.add("index.json") { $0.prefix = Array("..".utf8) }
        },
    ]

    fileprivate static let types = [
        HostileArchive("a symbolic link", adding: "is a symbolic link to '/etc/passwd'") {
            $0.add("link") { ($0.type, $0.link) = (UInt8(ascii: "2"), Array("/etc/passwd".utf8)) }
        },
        HostileArchive("a blob that is a link", adding: "is a symbolic link") {
            $0.add("blobs/sha256/\(hex)") { ($0.type, $0.link) = (UInt8(ascii: "2"), Array("../../x".utf8)) }
        },
        HostileArchive("a docker layer that links out", adding: "is a symbolic link to '../../etc/passwd'") {
            $0.add("\(hex)/layer.tar") { ($0.type, $0.link) = (UInt8(ascii: "2"), Array("../../etc/passwd".utf8)) }
        },
        HostileArchive("a directory that is a link", adding: "is a symbolic link") {
            $0.add("blobs") { ($0.type, $0.link) = (UInt8(ascii: "2"), Array("/tmp".utf8)) }
        },
        HostileArchive("a hard link", adding: "is a hard link") {
            $0.add("index.json") { ($0.type, $0.link) = (UInt8(ascii: "1"), Array("/etc/passwd".utf8)) }
        },
        HostileArchive("a character device", adding: "is a character device") {
            $0.add("blobs/sha256/\(hex)") { $0.type = UInt8(ascii: "3") }
        },
        HostileArchive("a block device", adding: "is a block device") { $0.add("sda") { $0.type = UInt8(ascii: "4") } },
        HostileArchive("a FIFO", adding: "is a FIFO") { $0.add("index.json") { $0.type = UInt8(ascii: "6") } },
        HostileArchive("a contiguous file", adding: "is a contiguous file") {
            $0.add("index.json") { $0.type = UInt8(ascii: "7") }
        },
        HostileArchive("a sparse file", adding: "is a sparse file") {
            $0.add("blobs/sha256/\(hex)") { ($0.type, $0.magic) = (UInt8(ascii: "S"), Array("ustar  \u{0}".utf8)) }
        },
        HostileArchive("a continued file", adding: "is the continuation") {
            $0.add("x") { $0.type = UInt8(ascii: "M") }
        },
        HostileArchive("a volume label", adding: "is a volume label") { $0.add("x") { $0.type = UInt8(ascii: "V") } },
        HostileArchive("an unknown type", adding: "is of the unknown type 0x7a") {
            $0.add("x") { $0.type = UInt8(ascii: "z") }
        },
        HostileArchive("a directory with content", adding: "is no file, but claims 5 bytes") {
            $0.add("blobs/", Array("hello".utf8)) { $0.type = UInt8(ascii: "5") }
        },
    ]

    fileprivate static let sizes = [
        HostileArchive("a wrong checksum", adding: "a header's checksum is wrong") {
            $0.add("oci-layout", text: TestTar.marker)
            $0.bytes[$0.bytes.count - 1024] ^= 1
        },
        HostileArchive("a checksum that is one off", adding: "checksum") { $0.add("x") { $0.checksumError = 1 } },
        HostileArchive("a negative base-256 size", adding: "has a negative size") {
            $0.add("x") { $0.size = [UInt8](repeating: 0xFF, count: 12) }
        },
        HostileArchive("a base-256 size beyond 64 bits", adding: "claims more than") {
            $0.add("x") { $0.size = [0x80, 1] + [UInt8](repeating: 0, count: 10) }
        },
        HostileArchive("a base-256 size of 2^63", adding: "claims more than") {
            $0.add("x") { $0.size = [0x80, 0, 0, 0, 0x80] + [UInt8](repeating: 0, count: 7) }
        },
        HostileArchive("a size that is no number", adding: "has a size that is not a number") {
            $0.add("x") { $0.size = Array("-0000000001\u{0}".utf8) }
        },
        HostileArchive("a size with digits behind its end", adding: "has a size that is not a number") {
            $0.add("x") { $0.size = Array("0000000 001\u{0}".utf8) }
        },
        HostileArchive("a size of 8 EiB", adding: "claims more than") {
            $0.add("y") { $0.size = [0x80, 0, 0, 0, 0x7F] + [UInt8](repeating: 0xFF, count: 7) }
        },
        HostileArchive("a blob that claims more than there is", adding: "ends too early") {
            $0.add("blobs/sha256/\(hex)") { $0.size = TestTar.Header.octal(1 << 30, digits: 11) }
        },
        HostileArchive("a blob that claims less than it has", adding: "it is not a tar archive, or damaged") {
            let bytes = [UInt8](repeating: 7, count: 1024)
            let digest = Digest.of(ByteBuffer(bytes: bytes[0..<500]))
            $0.add(TestTar.name(digest), bytes) { $0.size = TestTar.Header.octal(500, digits: 11) }
        },
    ]

    fileprivate static let extensions = [
        HostileArchive("a PAX path that leads out", adding: "leads out of the archive") {
            $0.addPAX([("path", "../../etc/passwd")])
            $0.add("index.json", text: "{}")
        },
        HostileArchive("a PAX path with a NUL", adding: "or a NUL in it") {
            $0.addPAX([("path", "index.json\u{0}x")])
            $0.add("x", text: "{}")
        },
        HostileArchive("an empty PAX path", adding: "has an empty name") {
            $0.addPAX([("path", "")])
            $0.add("x", text: "{}")
        },
        HostileArchive("two PAX paths", adding: "a PAX header gives one key twice") {
            $0.addPAX([("path", "index.json"), ("path", "x")])
            $0.add("x", text: "{}")
        },
        HostileArchive("two PAX headers", adding: "a PAX header follows another") {
            $0.addPAX([("path", "index.json")])
            $0.addPAX([("path", "x")])
            $0.add("x", text: "{}")
        },
        HostileArchive("a negative PAX size", adding: "a PAX header's size is not a number, negative") {
            $0.addPAX([("size", "-1")])
            $0.add("x", text: "{}")
        },
        HostileArchive("a PAX size of 10^18", adding: "or too large") {
            $0.addPAX([("size", "100000000000000000")])
            $0.add("x", text: "{}")
        },
        HostileArchive("a PAX size that hides a member", adding: "ends too early") {
            $0.addPAX([("size", "1000000")])
            $0.add("blobs/sha256/\(hex)", text: "x")
        },
        HostileArchive("a sparse file in PAX", adding: "says that a file is sparse") {
            $0.addPAX([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "index.json")])
            $0.add("GNUSparseFile.0/index.json", text: "{}")
        },
        HostileArchive("a sparse file in older PAX", adding: "says that a file is sparse") {
            $0.addPAX([("GNU.sparse.size", "1000000")])
            $0.add("index.json", text: "{}")
        },
        HostileArchive("a PAX record with a wrong length", adding: "a PAX header is malformed") {
            $0.add("PaxHeaders/0", Array("99 path=index.json\n".utf8)) { $0.type = UInt8(ascii: "x") }
            $0.add("x", text: "{}")
        },
        HostileArchive("a PAX record without '='", adding: "a PAX header is malformed") {
            $0.add("PaxHeaders/0", Array("7 path\n".utf8)) { $0.type = UInt8(ascii: "x") }
            $0.add("x", text: "{}")
        },
        HostileArchive("a PAX record of another character set", adding: "another character set") {
            $0.addPAX([("hdrcharset", "BINARY"), ("path", "index.json")])
            $0.add("x", text: "{}")
        },
        HostileArchive("a PAX header of 1 MiB", adding: "is a header of more than 65536 bytes") {
            $0.addPAX([("comment", String(repeating: "x", count: 1 << 20))])
            $0.add("x", text: "{}")
        },
        HostileArchive("a global PAX header", adding: "is a global PAX header") {
            $0.addPAX([("path", "index.json")], type: UInt8(ascii: "g"))
        },
        HostileArchive("a PAX header before the end", adding: "a header that belongs to a further member") {
            $0.addPAX([("path", "index.json")])
        },
        HostileArchive("a GNU long name of 1 MiB", adding: "is a header of more than 65536 bytes") {
            $0.addLong(String(repeating: "x/", count: 1 << 19))
            $0.add("x")
        },
        HostileArchive("a GNU long name that leads out", adding: "leads out of the archive") {
            $0.addLong("blobs/" + String(repeating: "../", count: 60) + "etc/passwd")
            $0.add("x", text: "x")
        },
        HostileArchive("a GNU long name with a NUL", adding: "or a NUL in it") {
            $0.addLong("index.json\u{0}../x")
            $0.add("x")
        },
        HostileArchive("two GNU long names", adding: "a long name follows another") {
            $0.addLong("index.json")
            $0.addLong("x")
            $0.add("x")
        },
        HostileArchive("two GNU long links", adding: "a long link target follows another") {
            $0.addLong("x", type: "K")
            $0.addLong("y", type: "K")
            $0.add("x")
        },
        HostileArchive("a PAX path and a GNU long name", adding: "has two long names") {
            $0.addPAX([("path", "index.json")])
            $0.addLong("manifest.json")
            $0.add("x", text: "{}")
        },
        HostileArchive("a PAX link target that leads out", adding: "is a symbolic link to '../../../etc'") {
            $0.addPAX([("linkpath", "../../../etc")])
            $0.add("\(hex)/layer.tar") { ($0.type, $0.link) = (UInt8(ascii: "2"), Array("../\(other).tar".utf8)) }
        },
    ]

    fileprivate static let endings = [
        HostileArchive("nothing", "it is empty") { ByteBuffer() },
        HostileArchive("one byte", "it is not a tar archive") { ByteBuffer(string: "x") },
        HostileArchive("half a block", "it is not a tar archive, or was cut") { ByteBuffer(repeating: 32, count: 256) },
        HostileArchive("text", "it is not a tar archive") { ByteBuffer(repeating: UInt8(ascii: "x"), count: 5000) },
        HostileArchive("a ZIP file", "it is not a tar archive") { ByteBuffer(string: "PK\u{3}\u{4}" + pad) },
        HostileArchive("zstd that is damaged", "its compressed data is damaged") {
            ByteBuffer(bytes: [0x28, 0xB5, 0x2F, 0xFD] + [UInt8](repeating: 1, count: 600))
        },
        HostileArchive("xz that is damaged", "its compressed data is damaged") {
            ByteBuffer(bytes: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0] + [UInt8](repeating: 1, count: 600))
        },
        HostileArchive("lz4", "it is compressed with lz4") {
            ByteBuffer(bytes: [0x04, 0x22, 0x4D, 0x18] + [UInt8](repeating: 1, count: 600))
        },
        HostileArchive("bzip2", "it is compressed with bzip2") {
            ByteBuffer(bytes: Array("BZh9".utf8) + [UInt8](repeating: 1, count: 600))
        },
        HostileArchive("an empty archive", "it is no image archive") { TestTar().finished },
        HostileArchive("no end", "ends too early") { ByteBuffer(bytes: TestTar.good.bytes) },
        HostileArchive("one block of the end", "ends too early") {
            ByteBuffer(bytes: TestTar.good.bytes + [UInt8](repeating: 0, count: 512))
        },
        HostileArchive("garbage behind the end", "other bytes follow its end") {
            var bytes = TestTar.good.finished
            bytes.writeString("x")
            return bytes
        },
        HostileArchive("a member behind the end", "other bytes follow its end") {
            var tar = TestTar.good
            tar.bytes += [UInt8](repeating: 0, count: 1024)
            tar.add("../x", text: "x")
            return tar.finished
        },
        HostileArchive("a member behind half of the end", "goes on behind a block that begins its end") {
            var tar = TestTar.good
            tar.bytes += [UInt8](repeating: 0, count: 512)
            tar.add("blobs/sha256/\(hex)", text: "x")
            return tar.finished
        },
        HostileArchive("8 MiB of zeros behind the end", "zeros follow its end") {
            var bytes = TestTar.good.finished
            bytes.writeRepeatingByte(0, count: 8 << 20)
            return bytes
        },
    ]

    private static let pad = String(repeating: " ", count: 600)
}
