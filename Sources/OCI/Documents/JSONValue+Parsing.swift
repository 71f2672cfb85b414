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

    /// Parses a whole text given as bytes.
    package init(parsing bytes: [UInt8]) throws(DocumentError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}
