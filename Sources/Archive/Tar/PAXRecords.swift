import NIOCore
import OCI

/// What a PAX extended header says of the next member (POSIX.1-2001, pax, "Extended Header").
///
/// Times, owners and attributes are ignored. Sparse files, other character sets and keys that stand twice are refused.
struct PAXRecords: Hashable {
    private(set) var path: String?
    private(set) var linkTarget: String?
    private(set) var size: Int64?

    /// Reads records `length key=value\n`, one after another, to the end of the bytes.
    init(_ bytes: [UInt8]) throws(ArchiveRefusal) {
        var rest = bytes[...]
        var keys: Set<[UInt8]> = []
        while !rest.isEmpty {
            let (key, value) = try Self.next(&rest)
            guard keys.insert(Array(key)).inserted else {
                throw ArchiveRefusal("a PAX header gives one key twice")
            }
            try take(try TarBlock.utf8(key), value)
        }
    }

    private static func next(
        _ rest: inout ArraySlice<UInt8>
    ) throws(ArchiveRefusal) -> (key: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        let malformed = ArchiveRefusal("a PAX header is malformed")
        guard let blank = rest.prefix(12).firstIndex(of: UInt8(ascii: " ")),
            let length = decimal(rest[..<blank]), length <= rest.count
        else { throw malformed }
        let record = rest.prefix(Int(length))
        let body = record.dropFirst(blank + 1 - rest.startIndex)
        rest = rest.dropFirst(Int(length))
        guard body.last == UInt8(ascii: "\n"), let equals = body.firstIndex(of: UInt8(ascii: "=")),
            equals > body.startIndex
        else { throw malformed }
        return (body[..<equals], body[(equals + 1)...].dropLast())
    }

    private mutating func take(_ key: String, _ value: ArraySlice<UInt8>) throws(ArchiveRefusal) {
        switch key {
        case "path": path = try Self.name(value)
        case "linkpath": linkTarget = try Self.name(value)
        case "size":
            guard let size = Self.decimal(value), size <= Manifest.maximumContentSize else {
                throw ArchiveRefusal("a PAX header's size is not a number, negative, or too large")
            }
            self.size = size
        case "hdrcharset" where !value.elementsEqual("ISO-IR 10646 2000 UTF-8".utf8):
            throw ArchiveRefusal("a PAX header names another character set than UTF-8")
        case _ where key.hasPrefix("GNU.sparse.") || key == "SCHILY.realsize":
            throw ArchiveRefusal("a PAX header says that a file is sparse, which no image archive holds")
        default: break
        }
    }

    private static func name(_ value: ArraySlice<UInt8>) throws(ArchiveRefusal) -> String {
        guard !value.isEmpty, !value.contains(0) else {
            throw ArchiveRefusal(String(decoding: value, as: UTF8.self), "has an empty name, or a NUL in it")
        }
        return try TarBlock.utf8(value)
    }

    /// Digits alone, few enough to fit.
    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
        let numerals = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard (1...18).contains(digits.count), digits.allSatisfy(numerals.contains)
        else { return nil }
        return digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}
