import NIOCore

/// Reads the header fields of a request (RFC 9112, 5 and 6).
struct FieldReader {
    private static let maximumCount = 100
    /// Digits of the largest `Content-Length` that is understood.
    private static let longestLength = 18

    private var fields = RequestFields()
    private var count = 0
    private var hasTransferEncoding = false

    /// Takes in one line, without its end.
    mutating func read(_ line: ByteBufferView) throws(RefusedRequest) {
        count += 1
        guard count <= Self.maximumCount else {
            throw RefusedRequest(status: 431, message: "there are more than \(Self.maximumCount) header fields")
        }
        guard let first = line.first, first != UInt8(ascii: " "), first != UInt8(ascii: "\t") else {
            throw .malformed("a header field is folded")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
            throw .malformed("a header field has no name")
        }
        let name = line[..<colon]
        guard name.allSatisfy(\.isTokenCharacter) else {
            throw .malformed("a header field's name is not a token directly followed by ':'")
        }
        let value = line[line.index(after: colon)...]
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }) else {
            throw .malformed("a control character in a header field")
        }
        try set(String(decoding: name, as: UTF8.self).lowercased(), Self.trimmed(value))
    }

    /// - Throws: ``RefusedRequest`` when the fields contradict each other or one is missing.
    func finish(isHTTP10: Bool) throws(RefusedRequest) -> RequestFields {
        guard fields.host != nil || isHTTP10 else { throw .malformed("there is no Host header field") }
        if hasTransferEncoding {
            guard fields.contentLength == nil else {
                throw .malformed("both Content-Length and Transfer-Encoding are given")
            }
            guard !isHTTP10 else { throw .malformed("Transfer-Encoding is not part of HTTP/1.0") }
        }
        return fields
    }

    private mutating func set(_ name: String, _ value: ByteBufferView) throws(RefusedRequest) {
        switch name {
        case "host": try setHost(value)
        case "content-length": try setLength(value)
        case "transfer-encoding": try setEncoding(value)
        case "connection": try append(value, to: \.connection)
        case "expect": try once(name, value, \.expect)
        case "authorization": try once(name, value, \.authorization)
        case "range": try once(name, value, \.range)
        case "if-range": try once(name, value, \.ifRange)
        case "if-none-match": try append(value, to: \.ifNoneMatch)
        case "user-agent": try once(name, value, \.userAgent)
        default: break
        }
    }

    private mutating func once(
        _ name: String,
        _ value: ByteBufferView,
        _ field: WritableKeyPath<RequestFields, String?>
    ) throws(RefusedRequest) {
        guard fields[keyPath: field] == nil else { throw .malformed("the header field \(name) is given twice") }
        fields[keyPath: field] = String(decoding: value, as: UTF8.self)
    }

    /// RFC 9110, 5.3: fields that are lists may be spread over several lines.
    private mutating func append(
        _ value: ByteBufferView,
        to field: WritableKeyPath<RequestFields, String?>
    ) throws(RefusedRequest) {
        let text = String(decoding: value, as: UTF8.self)
        fields[keyPath: field] = fields[keyPath: field].map { "\($0), \(text)" } ?? text
    }

    private mutating func setHost(_ value: ByteBufferView) throws(RefusedRequest) {
        guard value.allSatisfy({ $0.isTokenCharacter || ":[]".utf8.contains($0) }) else {
            throw .malformed("the Host header field is not a host name with an optional port")
        }
        try once("host", value, \.host)
    }

    private mutating func setLength(_ value: ByteBufferView) throws(RefusedRequest) {
        guard fields.contentLength == nil else { throw .malformed("Content-Length is given twice") }
        guard !value.isEmpty, value.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .malformed("Content-Length is not a number")
        }
        guard value.count <= Self.longestLength, let length = Int(String(decoding: value, as: UTF8.self)) else {
            throw RefusedRequest(status: 413, message: "the request body is too large")
        }
        fields.contentLength = length
    }

    private mutating func setEncoding(_ value: ByteBufferView) throws(RefusedRequest) {
        guard !hasTransferEncoding, String(decoding: value, as: UTF8.self).lowercased() == "chunked" else {
            throw .malformed("Transfer-Encoding is not exactly 'chunked'")
        }
        hasTransferEncoding = true
        fields.isChunked = true
    }

    private static func trimmed(_ value: ByteBufferView) -> ByteBufferView {
        let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = value.firstIndex(where: { !isSpace($0) }), let last = value.lastIndex(where: { !isSpace($0) })
        else { return value[value.endIndex...] }
        return value[first...last]
    }
}
