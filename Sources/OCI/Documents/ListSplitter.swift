package import NIOCore

/// Splits a JSON text as it comes into the elements of its long lists and the rest, so that none of it is held.
///
/// What an element or the rest says is for a parser to find out.
package struct ListSplitter: Sendable {
    /// The longest element, and the longest rest, in bytes.
    private static let maximumSize = 4 << 20

    /// The root's members that are such lists; the empty key is the root itself.
    private let lists: Set<String>
    /// The text with empty lists.
    private var rest: [UInt8] = []
    /// How many lists and objects of the rest are open.
    private var depth = 0
    /// Where the last text of the rest begins, until it is read: a key is read once, whatever follows it.
    private var textStart: Int?
    /// The member of the root that is being read.
    private var key: String?
    private var isInText = false
    private var isEscaped = false
    private var list: OpenList?

    /// A list whose elements come.
    private struct OpenList: Sendable {
        let key: String
        var element: [UInt8] = []
        var depth = 0
        var isFirst = true
    }

    package init(_ lists: Set<String>) {
        self.lists = lists
    }

    /// Takes the next bytes.
    ///
    /// - Parameters:
    ///   - bytes: of the text.
    ///   - body: gets a list's key, and the text of an element of it.
    /// - Throws: `DocumentError`; what `body` throws.
    package mutating func take(
        _ bytes: ByteBuffer,
        _ body: (String, [UInt8]) throws(DocumentError) -> Void
    ) throws(DocumentError) {
        try bytes.withUnsafeReadableBytes { bytes throws(DocumentError) in
            for byte in bytes {
                if var open = list {
                    list = nil
                    let isOpen = try take(byte, into: &open, body)
                    if isOpen { list = open }
                } else {
                    try take(byte)
                }
            }
        }
    }

    /// Says that no more bytes come.
    ///
    /// - Returns: the text with empty lists.
    package func finish() throws(DocumentError) -> [UInt8] {
        guard list == nil else { throw DocumentError(.syntax, "not valid JSON: the document ends too early") }
        return rest
    }

    private mutating func take(_ byte: UInt8) throws(DocumentError) {
        rest.append(byte)
        guard rest.count <= Self.maximumSize else {
            throw DocumentError(.tooLarge, "it has more than \(Self.maximumSize) bytes beside its lists")
        }
        if isOfText(byte) { return }
        switch byte {
        case UInt8(ascii: "\""): textStart = rest.count - 1
        case UInt8(ascii: ":") where depth == 1:
            key = textStart.flatMap { try? JSONValue(parsing: Array(rest[$0..<rest.count - 1])) }?.string
            textStart = nil
        case UInt8(ascii: ",") where depth == 1: key = nil
        case UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "["):
            if let key = depth == 0 ? "" : depth == 1 ? key : nil, lists.contains(key) {
                list = OpenList(key: key)
            } else {
                depth += 1
            }
        case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
        default: break
        }
    }

    /// - Returns: whether the list goes on.
    private mutating func take(
        _ byte: UInt8,
        into list: inout OpenList,
        _ body: (String, [UInt8]) throws(DocumentError) -> Void
    ) throws(DocumentError) -> Bool {
        if !isOfText(byte) {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["): list.depth += 1
            case UInt8(ascii: "]") where list.depth == 0:
                try end(&list, byte, body)
                rest.append(byte)
                return false
            case UInt8(ascii: ",") where list.depth == 0:
                try end(&list, byte, body)
                return true
            case UInt8(ascii: "}"), UInt8(ascii: "]"): list.depth -= 1
            default: break
            }
        }
        list.element.append(byte)
        guard list.element.count <= Self.maximumSize else {
            throw DocumentError(.tooLarge, "one of its entries has more than \(Self.maximumSize) bytes")
        }
        return true
    }

    private func end(
        _ list: inout OpenList,
        _ byte: UInt8,
        _ body: (String, [UInt8]) throws(DocumentError) -> Void
    ) throws(DocumentError) {
        let isBlank = list.element.allSatisfy { [0x20, 0x0A, 0x0D, 0x09].contains($0) }
        // Only a list without elements may end so; what else is blank is for the parser to refuse.
        if !(isBlank && list.isFirst && byte == UInt8(ascii: "]")) { try body(list.key, list.element) }
        list.isFirst = false
        list.element.removeAll(keepingCapacity: true)
    }

    /// Keeps track of texts, in which brackets and commas mean nothing.
    private mutating func isOfText(_ byte: UInt8) -> Bool {
        if isInText {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInText = false
            }
            return true
        }
        if byte == UInt8(ascii: "\"") { isInText = true }
        return false
    }
}
