/// A request's path and query, percent-decoded exactly once.
struct RequestTarget: Hashable, Sendable {
    /// What stands between the slashes; an empty last one means that the path ends with a slash.
    let components: [String]
    /// As they were sent, in order; a name may be given more than once.
    let query: [(name: String, value: String)]

    /// - Returns: `nil` for a target that no route can have: broken percent signs, bytes that are not UTF-8, an encoded
    ///   slash or control character, `.` and `..`.
    init?(_ target: String) {
        guard target.utf8.first == UInt8(ascii: "/") else { return nil }
        let parts = target.dropFirst().split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var components: [String] = []
        for raw in parts[0].split(separator: "/", omittingEmptySubsequences: false) {
            guard let component = Self.decoded(raw), component != ".", component != "..",
                !component.utf8.contains(UInt8(ascii: "/"))
            else { return nil }
            components.append(component)
        }
        self.components = components
        var query: [(name: String, value: String)] = []
        if parts.count == 2 {
            for pair in parts[1].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Self.decoded(sides[0]), let value = sides.count == 2 ? Self.decoded(sides[1]) : ""
                else { return nil }
                query.append((name, value))
            }
        }
        self.query = query
    }

    /// The first value of a query's parameter.
    subscript(name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    private static func decoded(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
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
