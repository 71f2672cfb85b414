import NIOCore
import OCI

/// One header block of a tar archive, as its 512 bytes say it (POSIX.1-1988 ustar, GNU tar's variant, and what was
/// before both: Unix V7's, which ends behind the link's target).
///
/// Only what decides which bytes are whose is read: owners, times and modes mean nothing to an import. What two readers
/// may understand differently is refused.
struct TarBlock: Hashable {
    /// The kinds of members that can be told apart here.
    enum Kind: Hashable {
        case file
        case directory
        case symbolicLink
        /// A PAX header that belongs to the next member.
        case extended
        /// GNU tar's name of the next member.
        case longName
        /// GNU tar's link target of the next member.
        case longLink
    }

    static let blockSize = 512

    let name: String
    let kind: Kind
    /// In bytes; never negative.
    let size: Int64
    let linkTarget: String

    /// Reads a block that is not all zeros.
    init(_ block: ByteBuffer) throws(ArchiveRefusal) {
        let bytes = Array(block.readableBytesView)
        let isPOSIX = bytes[257..<265].elementsEqual("ustar\u{0}00".utf8)
        let isGNU = bytes[257..<265].elementsEqual("ustar  \u{0}".utf8)
        // Some write a device's numbers all the same.
        let isV7 = (bytes[257..<329] + bytes[345...]).allSatisfy { $0 == 0 }
        guard isPOSIX || isGNU || isV7 else {
            throw ArchiveRefusal("it is not a tar archive, or damaged: a header block does not begin as one")
        }
        try Self.verifyChecksum(bytes)
        var name = try Self.text(bytes[0..<100])
        // In GNU's variant other fields have the prefix's place.
        if isPOSIX {
            let prefix = try Self.text(bytes[345..<500])
            if !prefix.isEmpty { name = "\(prefix)/\(name)" }
        }
        self.name = name
        kind = isV7 && bytes[156] == 0 && name.hasSuffix("/") ? .directory : try Self.kind(bytes[156], name)
        size = try Self.size(bytes[124..<136], name)
        linkTarget = try Self.text(bytes[157..<257])
    }

    /// Whether a block is one of the two that end an archive.
    static func isEnd(_ block: ByteBuffer) -> Bool {
        block.readableBytesView.allSatisfy { $0 == 0 }
    }

    private static func verifyChecksum(_ bytes: [UInt8]) throws(ArchiveRefusal) {
        let field = bytes[148..<156]
        let sum = bytes.reduce(0) { $0 + Int($1) } - field.reduce(0) { $0 + Int($1) } + field.count * 0x20
        guard octal(field) == Int64(sum) else {
            throw ArchiveRefusal("a header's checksum is wrong; copy the archive again")
        }
    }

    private static func kind(_ type: UInt8, _ name: String) throws(ArchiveRefusal) -> Kind {
        switch type {
        case 0, UInt8(ascii: "0"): return .file
        case UInt8(ascii: "2"): return .symbolicLink
        case UInt8(ascii: "5"): return .directory
        case UInt8(ascii: "x"): return .extended
        case UInt8(ascii: "L"): return .longName
        case UInt8(ascii: "K"): return .longLink
        default: throw ArchiveRefusal(name, "is \(refusedKind(type)), which no image archive holds")
        }
    }

    private static func refusedKind(_ type: UInt8) -> String {
        switch type {
        case UInt8(ascii: "1"): "a hard link"
        case UInt8(ascii: "3"): "a character device"
        case UInt8(ascii: "4"): "a block device"
        case UInt8(ascii: "6"): "a FIFO"
        case UInt8(ascii: "7"): "a contiguous file"
        case UInt8(ascii: "g"): "a global PAX header"
        case UInt8(ascii: "S"): "a sparse file"
        case UInt8(ascii: "M"): "the continuation of another volume's file"
        case UInt8(ascii: "V"): "a volume label"
        default: "of the unknown type 0x\(String(type, radix: 16))"
        }
    }

    /// Text up to the first NUL; bytes behind it could be read by others.
    private static func text(_ field: ArraySlice<UInt8>) throws(ArchiveRefusal) -> String {
        let text = field.prefix { $0 != 0 }
        guard field.dropFirst(text.count).allSatisfy({ $0 == 0 }) else {
            throw ArchiveRefusal(String(decoding: text, as: UTF8.self), "has bytes behind the end of its name")
        }
        return try utf8(text)
    }

    /// A name's bytes as text.
    static func utf8(_ bytes: some Collection<UInt8>) throws(ArchiveRefusal) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ArchiveRefusal(String(decoding: bytes, as: UTF8.self), "has a name that is not UTF-8")
        }
        return text
    }

    private static func size(_ field: ArraySlice<UInt8>, _ name: String) throws(ArchiveRefusal) -> Int64 {
        let size = field.first.map { $0 & 0x80 != 0 } == true ? try base256(field, name) : octal(field)
        guard let size else { throw ArchiveRefusal(name, "has a size that is not a number") }
        guard size <= Manifest.maximumContentSize else {
            throw ArchiveRefusal(name, "claims more than \(Manifest.maximumContentSize) bytes")
        }
        return size
    }

    /// GNU tar's numbers: big-endian, the first bit set; the second one would make it negative.
    private static func base256(_ field: ArraySlice<UInt8>, _ name: String) throws(ArchiveRefusal) -> Int64? {
        guard let first = field.first, first & 0x40 == 0 else {
            throw ArchiveRefusal(name, "has a negative size")
        }
        let digits = [first & 0x3F] + field.dropFirst()
        guard digits.dropLast(8).allSatisfy({ $0 == 0 }) else { return .max }
        return Int64(exactly: digits.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) ?? .max
    }

    /// Digits, perhaps after blanks, ended by a blank or NUL or the field's end.
    private static func octal(_ field: ArraySlice<UInt8>) -> Int64? {
        let digits = field.drop { $0 == 0x20 }.prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
        guard field[digits.endIndex...].allSatisfy({ $0 == 0 || $0 == 0x20 }), digits.count <= 12 else { return nil }
        guard !digits.isEmpty else { return field.allSatisfy { $0 == 0 } ? 0 : nil }
        return digits.reduce(Int64(0)) { $0 << 3 | Int64($1 - UInt8(ascii: "0")) }
    }
}
