import NIOCore

/// The header of one member of a tar archive: ustar (POSIX.1-1988), with a PAX record (POSIX.1-2001) before it where
/// ustar has no room for the length or the name.
///
/// The same member always has the same bytes: time 0, owner 0 and no names of owners.
struct TarHeader {
    /// Everything in an archive comes in blocks of so many bytes.
    static let blockSize: Int64 = 512
    /// What ustar's eleven octal digits can say, in bytes: one less than 8 GiB.
    static let maximumPlainSize: Int64 = 0o77777777777
    /// Two empty blocks end an archive.
    static let endSize = 2 * blockSize

    /// What a member is.
    enum Kind: UInt8 {
        case file = 0x30
        case directory = 0x35
        case extended = 0x78
    }

    /// In ASCII; a directory's ends in `/`.
    let name: String
    let kind: Kind
    /// Of the content that follows, in bytes.
    let size: Int64

    /// The header's bytes: one block, or three with a PAX record.
    var bytes: ByteBuffer {
        let records = paxRecords
        var buffer = ByteBuffer()
        if !records.isEmpty {
            let extended = TarHeader(name: "pax", kind: .extended, size: Int64(records.utf8.count))
            buffer.writeImmutableBuffer(extended.block())
            buffer.writeString(records)
            buffer.writeRepeatingByte(0, count: Int(Self.padding(after: extended.size)))
        }
        buffer.writeImmutableBuffer(block())
        return buffer
    }

    /// What the member takes of the archive, in bytes: header, content and padding.
    var totalSize: Int64 {
        let extended = Int64(paxRecords.utf8.count)
        let extendedSize = extended == 0 ? 0 : Self.blockSize + extended + Self.padding(after: extended)
        return extendedSize + Self.blockSize + size + Self.padding(after: size)
    }

    /// The zeros that fill a content's last block.
    static func padding(after size: Int64) -> Int64 {
        (blockSize - size % blockSize) % blockSize
    }

    private var paxRecords: String {
        var records = ""
        if split == nil { records += Self.record("path", name) }
        if size > Self.maximumPlainSize { records += Self.record("size", String(size)) }
        return records
    }

    /// `length key=value\n`, where the length counts its own digits.
    static func record(_ key: String, _ value: String) -> String {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count
        while String(length).utf8.count + rest.utf8.count != length {
            length = String(length).utf8.count + rest.utf8.count
        }
        return "\(length)\(rest)"
    }

    /// The name in ustar's two fields, of 155 and 100 bytes; `nil` when it does not fit.
    private var split: (prefix: Substring, name: Substring)? {
        guard name.utf8.count > 100 else { return ("", name[...]) }
        for slash in name.indices where name[slash] == "/" {
            let (prefix, rest) = (name[..<slash], name[name.index(after: slash)...])
            if !prefix.isEmpty, prefix.utf8.count <= 155, !rest.isEmpty, rest.utf8.count <= 100 {
                return (prefix, rest)
            }
        }
        return nil
    }

    private func block() -> ByteBuffer {
        var block = [UInt8](repeating: 0, count: Int(Self.blockSize))
        func set(_ text: some StringProtocol, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        let (prefix, name) = split ?? ("", self.name.prefix(100))
        set(name, at: 0)
        set(Self.octal(kind == .directory ? 0o755 : 0o444, digits: 7), at: 100)
        for (field, digits) in [(108, 7), (116, 7), (136, 11), (329, 7), (337, 7)] {
            set(Self.octal(0, digits: digits), at: field)
        }
        // Where the PAX record gives the length, this field is not looked at.
        set(Self.octal(size > Self.maximumPlainSize ? 0 : size, digits: 11), at: 124)
        set("        ", at: 148)
        block[156] = kind.rawValue
        set("ustar", at: 257)
        set("00", at: 263)
        set(prefix, at: 345)
        let sum = block.reduce(0) { $0 + Int64($1) }
        set(Self.octal(sum, digits: 6) + "\0 ", at: 148)
        return ByteBuffer(bytes: block)
    }

    private static func octal(_ value: Int64, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
