/// What an answer's head shows at a glance: nearly all are as they should be, and go on as they came.
struct HeadGlance {
    /// Nothing in it needs ``HeadRepair``; `false` also where it takes a closer look to tell.
    private(set) var isSound = true
    /// Another head follows, as after `100 Continue`.
    private(set) var isInterim = false
    /// In bytes, its empty line included.
    private(set) var length = 0
    private var lengths = 0
    private var isChunked = false

    /// - Returns: `nil` while its end has not come.
    init?(_ bytes: UnsafeRawBufferPointer) {
        while let end = bytes[length...].firstIndex(of: UInt8(ascii: "\n")) {
            let whole = bytes[length..<end]
            let line = whole.last == UInt8(ascii: "\r") ? whole.dropLast() : whole
            // The library's parser knows no other end of a line than CRLF.
            if line.count == whole.count { isSound = false }
            if length == 0 {
                isInterim = line.drop { $0 != UInt8(ascii: " ") }.dropFirst().first == UInt8(ascii: "1")
            } else if isSound, !line.isEmpty {
                read(line)
            }
            let isLast = length > 0 && line.isEmpty
            length = end + 1
            guard isLast else { continue }
            isSound = isSound && lengths + (isChunked ? 1 : 0) < 2
            return
        }
        return nil
    }

    private mutating func read(_ line: Slice<UnsafeRawBufferPointer>) {
        guard let first = line.first, !first.isBlank, let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            isSound = false
            return
        }
        let value = line[(colon + 1)...]
        guard value.first == UInt8(ascii: " "), let start = value.dropFirst().first, let end = value.last,
            !start.isBlank, !end.isBlank
        else {
            isSound = false
            return
        }
        switch colon - line.startIndex {
        case 14 where Self.is(line, "content-length"):
            lengths += 1
            isSound = !value.contains(UInt8(ascii: ","))
        case 17 where Self.is(line, "transfer-encoding"): isChunked = true
        default: break
        }
    }

    private static func `is`(_ line: Slice<UnsafeRawBufferPointer>, _ name: String) -> Bool {
        zip(line, name.utf8).allSatisfy { $0 | 0x20 == $1 }
    }
}

extension UInt8 {
    /// A space or a tabulator.
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
