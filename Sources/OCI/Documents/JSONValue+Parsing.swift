package import NIOCore

extension JSONValue {
    /// How deep arrays and objects may be nested.
    package static let maximumDepth = 64
    /// How many values a text may hold, nested ones included: bounds the memory that a small text can ask for.
    package static let maximumValues = 1 << 20

    /// Parses a whole text: RFC 8259, UTF-8 without byte order mark, unique keys, at most
    /// ``maximumDepth`` levels and ``maximumValues`` values.
    ///
    /// - Throws: ``DocumentError``: `tooLarge` beyond those bounds, otherwise `syntax`.
    package init(parsing buffer: ByteBuffer) throws(DocumentError) {
        try self.init(parsing: Array(buffer.readableBytesView))
    }

    /// Parses a whole text whose long lists are not held: gives their elements one after the other.
    ///
    /// ``maximumValues`` counts for each element alone, so that how long a list may be is the caller's to say.
    ///
    /// - Parameters:
    ///   - buffer: the text.
    ///   - lists: the root's members that are such lists; the empty key is the root itself. They are empty in the result.
    ///   - element: gets the list's key and an element.
    /// - Throws: as ``init(parsing:)``, and what `element` throws.
    package init(
        parsing buffer: ByteBuffer,
        streaming lists: Set<String>,
        _ element: (String, JSONValue) throws(DocumentError) -> Void
    ) throws(DocumentError) {
        var parser = JSONParser(bytes: Array(buffer.readableBytesView))
        self = try parser.document(streaming: lists, element)
    }

    /// Parses a whole text given as bytes.
    package init(parsing bytes: [UInt8]) throws(DocumentError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}
