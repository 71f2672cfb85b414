import NIOCore

/// What a client has sent and nobody has taken yet.
struct Inbox {
    private var bytes = ByteBuffer()
    private var parser = RequestParser()
    /// Bytes of a request's body that are still to be thrown away.
    private var toSkip = 0

    /// Whether the client is so far ahead of its turn that nothing more is read.
    var isFull: Bool { bytes.readableBytes >= ConnectionLimits.maximumAhead }
    /// Whether some of a request's head has arrived, but not all.
    var isInHead: Bool { parser.isInHead }
    var isInRequest: Bool { isInHead || toSkip > 0 }
    /// The memory that it holds, in bytes: of all that was read into the same buffer.
    var memory: Int { bytes.storageCapacity }

    mutating func take(_ arrived: ByteBuffer) {
        guard bytes.readableBytes > 0 else {
            bytes = arrived
            return
        }
        // What was read would stay otherwise, for as long as reads never end where a head does.
        bytes.discardReadBytes()
        bytes.writeImmutableBuffer(arrived)
    }

    /// Throws away the body of the request that was taken last.
    mutating func skip(_ count: Int) { toSkip = count }

    /// Takes the next request's head.
    ///
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: ``RefusedRequest``; the connection cannot be used any further.
    mutating func next() throws(RefusedRequest) -> RequestHead? {
        let skipped = min(toSkip, bytes.readableBytes)
        bytes.moveReaderIndex(forwardBy: skipped)
        toSkip -= skipped
        return toSkip > 0 ? nil : try parser.next(from: &bytes)
    }

    /// Gives the memory of an empty one back.
    mutating func release() {
        if bytes.readableBytes == 0 { bytes = ByteBuffer() }
    }
}

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
    private var skippedEmptyLine = false

    /// Whether some bytes of a head have arrived, but not all.
    var isInHead: Bool { scanned > 0 }

    /// Takes the next complete head from the buffer.
    ///
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: ``RefusedRequest``; the connection cannot be used any further.
    mutating func next(from buffer: inout ByteBuffer) throws(RefusedRequest) -> RequestHead? {
        guard skipEmptyLine(&buffer) else { return nil }
        let outcome = buffer.withUnsafeReadableBytes { read($0) }
        guard let (head, length) = try outcome.get() else { return nil }
        buffer.moveReaderIndex(forwardBy: length)
        self = RequestParser()
        return head
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) -> Result<(RequestHead, Int)?, RefusedRequest> {
        do throws(RefusedRequest) {
            guard let end = try scan(bytes) else { return .success(nil) }
            return .success((try Self.parse(bytes[..<end]), end))
        } catch {
            return .failure(error)
        }
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
    private mutating func scan(_ bytes: UnsafeRawBufferPointer) throws(RefusedRequest) -> Int? {
        var position = scanned
        defer { scanned = position }
        while position < bytes.count {
            let byte = bytes[position]
            let isAfterReturn = position > lineStart && bytes[position - 1] == UInt8(ascii: "\r")
            if byte == UInt8(ascii: "\n") {
                guard isAfterReturn else { throw .malformed("a line does not end with CRLF") }
                if position - lineStart == 1 { return position + 1 }
                lineStart = position + 1
            } else if byte == 0 || isAfterReturn {
                throw .malformed("a control character in the head")
            }
            position += 1
            if position > Self.maximumTarget + Self.lineAllowance, lineStart == 0 {
                throw RefusedRequest(status: 414, message: "the request target is longer than 8 KiB")
            }
            if position > Self.maximumHead {
                throw RefusedRequest(status: 431, message: "the request head is longer than 32 KiB")
            }
        }
        return nil
    }

    /// Reads a head whose line ends are known to be right.
    private static func parse(_ head: Slice<UnsafeRawBufferPointer>) throws(RefusedRequest) -> RequestHead {
        var rest = head
        guard let first = line(&rest), !first.isEmpty else { throw .malformed("there is no request line") }
        var request = try RequestLine.parse(first)
        var reader = FieldReader()
        while let field = line(&rest), !field.isEmpty { try reader.read(field) }
        request.fields = try reader.finish(isHTTP10: request.isHTTP10)
        return request
    }

    private static func line(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "\r")) else { return nil }
        defer { rest = rest[(end + 2)...] }
        return UnsafeRawBufferPointer(rebasing: rest[..<end])
    }
}
