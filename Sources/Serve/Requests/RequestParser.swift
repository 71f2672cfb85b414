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

/// The first line of a request (RFC 9112, 3).
enum RequestLine {
    private static let longestMethod = 32

    static func parse(_ line: UnsafeRawBufferPointer) throws(RefusedRequest) -> RequestHead {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space), let second = line[(first + 1)...].firstIndex(of: space),
            !line[(second + 1)...].contains(space)
        else { throw .malformed("the request line is not 'METHOD target HTTP/1.1'") }
        let method = line[..<first]
        guard !method.isEmpty, method.count <= longestMethod, method.allSatisfy(\.isTokenCharacter) else {
            throw .malformed("the method is not a token")
        }
        let isHTTP10 = try version(line[(second + 1)...])
        let target = line[(first + 1)..<second]
        guard target.count <= RequestParser.maximumTarget else {
            throw RefusedRequest(status: 414, message: "the request target is longer than 8 KiB")
        }
        guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw .malformed("the request target holds characters that must be percent-encoded")
        }
        return RequestHead(
            method: RequestMethod(String(decoding: method, as: UTF8.self)),
            target: try originForm(String(decoding: target, as: UTF8.self)),
            isHTTP10: isHTTP10
        )
    }

    private static func version(_ text: Slice<UnsafeRawBufferPointer>) throws(RefusedRequest) -> Bool {
        if text.elementsEqual("HTTP/1.1".utf8) { return false }
        if text.elementsEqual("HTTP/1.0".utf8) { return true }
        guard text.count == 8, text.starts(with: "HTTP/".utf8) else {
            throw .malformed("the request line does not end with HTTP/1.1")
        }
        throw RefusedRequest(status: 505, message: "only HTTP/1.1 and HTTP/1.0 are spoken here")
    }

    /// RFC 9112, 3.2: the path alone; a whole URL is accepted, and its host ignored; `*` is for OPTIONS.
    private static func originForm(_ target: String) throws(RefusedRequest) -> String {
        if target.utf8.first == UInt8(ascii: "/") || target == "*" { return target }
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            guard let end = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) else { return "/" }
            return rest[end] == "/" ? String(rest[end...]) : "/" + rest[end...]
        }
        throw .malformed("the request target is not a path")
    }
}

extension UInt8 {
    /// RFC 9110, 5.6.2, `tchar`.
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "!"), UInt8(ascii: "*"),
            UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
