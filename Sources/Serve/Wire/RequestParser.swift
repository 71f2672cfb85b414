import NIOCore

/// Finds request heads in the bytes of a connection, by the letter of RFC 9112.
///
/// Everything that two servers could read differently is refused: line ends other than CRLF, NUL, folded fields, a space
/// before a field's colon, a second `Content-Length`, `Content-Length` beside `Transfer-Encoding`.
struct RequestParser {
    /// The longest request target, in bytes; a longer one is answered with 414.
    static let maximumTarget = 8 << 10
    /// The longest head, in bytes; a longer one is answered with 431.
    static let maximumHead = 32 << 10
    /// What a first line may hold beside the target.
    private static let lineAllowance = 64

    private var scanned = 0
    private var lineStart = 0
    private var isFirstLine = true
    private var skippedEmptyLine = false

    /// Whether some bytes of a head have arrived, but not all.
    var isInHead: Bool { scanned > 0 }

    /// Takes the next complete head from the buffer.
    ///
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: ``RefusedRequest``; the connection cannot be used any further.
    mutating func next(from buffer: inout ByteBuffer) throws(RefusedRequest) -> RequestHead? {
        guard skipEmptyLine(&buffer) else { return nil }
        guard let length = try scan(buffer) else { return nil }
        defer { self = RequestParser() }
        guard let head = buffer.readSlice(length: length) else { return nil }
        return try Self.parse(head)
    }

    /// RFC 9112, 2.2: one empty line before the request line is no error.
    ///
    /// - Returns: whether enough has arrived to tell.
    private mutating func skipEmptyLine(_ buffer: inout ByteBuffer) -> Bool {
        guard scanned == 0, !skippedEmptyLine else { return true }
        guard buffer.readableBytes >= 2 else {
            return buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) != UInt8(ascii: "\r")
        }
        guard buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) == 0x0D0A else { return true }
        buffer.moveReaderIndex(forwardBy: 2)
        skippedEmptyLine = true
        return true
    }

    /// - Returns: the head's length with its empty line, once it is complete.
    private mutating func scan(_ buffer: ByteBuffer) throws(RefusedRequest) -> Int? {
        var refusal: RefusedRequest?
        let end = buffer.withUnsafeReadableBytes { bytes in
            do throws(RefusedRequest) {
                return try scan(bytes)
            } catch {
                refusal = error
                return nil
            }
        }
        if let refusal { throw refusal }
        return end
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer) throws(RefusedRequest) -> Int? {
        while scanned < bytes.count {
            let byte = bytes[scanned]
            let previous = scanned > lineStart ? bytes[scanned - 1] : 0
            if byte == UInt8(ascii: "\n") {
                guard previous == UInt8(ascii: "\r") else { throw .malformed("a line does not end with CRLF") }
                if scanned - lineStart == 1 { return scanned + 1 }
                lineStart = scanned + 1
                isFirstLine = false
            } else if byte == 0 || previous == UInt8(ascii: "\r") {
                throw .malformed("a control character in the head")
            }
            scanned += 1
            if isFirstLine, scanned > Self.maximumTarget + Self.lineAllowance {
                throw RefusedRequest(status: 414, message: "the request target is longer than 8 KiB")
            }
            if scanned > Self.maximumHead {
                throw RefusedRequest(status: 431, message: "the request head is longer than 32 KiB")
            }
        }
        return nil
    }

    private static func parse(_ head: ByteBuffer) throws(RefusedRequest) -> RequestHead {
        var lines = head.readableBytesView.split(
            separator: UInt8(ascii: "\n"),
            omittingEmptySubsequences: false
        ).map { $0.dropLast() }[...]
        guard let first = lines.popFirst(), !first.isEmpty else { throw .malformed("there is no request line") }
        var request = try RequestLine.parse(first)
        var reader = FieldReader()
        for line in lines where !line.isEmpty { try reader.read(line) }
        request.fields = try reader.finish(isHTTP10: request.isHTTP10)
        return request
    }
}
