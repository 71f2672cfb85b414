import Glibc

/// A request's path and query, percent-decoded exactly once.
struct RequestTarget: Hashable, Sendable {
    /// What stands between the slashes; an empty last one means that the path ends with a slash.
    let components: [String]
    /// As they were sent, in order; a name may be given more than once.
    let query: [(name: String, value: String)]

    /// - Returns: `nil` for a target that no route can have: broken percent signs, bytes that are not UTF-8, an encoded
    ///   slash or control character, `.` and `..`.
    init?(_ target: String) {
        var target = target
        let parts = target.withUTF8 { bytes -> (path: [String], query: [(name: String, value: String)])? in
            guard bytes.first == UInt8(ascii: "/") else { return nil }
            let end = bytes[...].position(of: UInt8(ascii: "?"))
            guard let path = Self.components(bytes[1..<end]) else { return nil }
            guard end < bytes.endIndex else { return (path, []) }
            return Self.pairs(bytes[(end + 1)...]).map { (path, $0) }
        }
        guard let parts else { return nil }
        components = parts.path
        query = parts.query
    }

    private static func components(_ path: Slice<UnsafeBufferPointer<UInt8>>) -> [String]? {
        var components: [String] = []
        components.reserveCapacity(8)
        var start = path.startIndex
        while true {
            let end = path[start...].position(of: UInt8(ascii: "/"))
            guard let component = decoded(path[start..<end]), component != ".", component != "..",
                !component.utf8.contains(UInt8(ascii: "/"))
            else { return nil }
            components.append(component)
            guard end < path.endIndex else { return components }
            start = end + 1
        }
    }

    private static func pairs(_ query: Slice<UnsafeBufferPointer<UInt8>>) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            guard let name = decoded(pair[..<(equals ?? pair.endIndex)]),
                let value = equals.map({ decoded(pair[($0 + 1)...]) }) ?? ""
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    /// The first value of a query's parameter.
    subscript(name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    private static func decoded(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> String? {
        // A request line has passed with visible ASCII alone.
        guard text.position(of: UInt8(ascii: "%")) < text.endIndex else { return String(decoding: text, as: UTF8.self) }
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexValue, let low = rest.popFirst()?.hexValue else { return nil }
            let value = high << 4 | low
            guard value >= 0x20, value != 0x7F else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    static func == (left: RequestTarget, right: RequestTarget) -> Bool {
        left.components == right.components && left.query.elementsEqual(right.query, by: ==)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(components)
    }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    /// The first place of a byte, or the end; found many bytes at a time, because each request has several such searches.
    fileprivate func position(of byte: UInt8) -> Int {
        guard let start = UnsafeBufferPointer(rebasing: self).baseAddress,
            let found = memchr(start, CInt(byte), count)
        else { return endIndex }
        return startIndex + (UnsafeRawPointer(found) - UnsafeRawPointer(start))
    }
}

extension UInt8 {
    fileprivate var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
