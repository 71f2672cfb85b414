/// The names and values of a query or of a form, decoded, in order.
package struct QueryItems: Sendable, Hashable {
    /// One `name=value`.
    package struct Item: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    package let items: [Item]

    package init(_ text: some StringProtocol) {
        items = text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return Item(name: Self.decode(parts[0]), value: parts.count == 2 ? Self.decode(parts[1]) : "")
        }
    }

    /// The first value of that name.
    package subscript(name: String) -> String? { items.first { $0.name == name }?.value }

    /// Every value of that name.
    package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    static func decode(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"),
                let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
