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

/// Reads the header fields of a request (RFC 9112, 5 and 6).
struct FieldReader {
    private static let maximumCount = 100
    /// Digits of the largest `Content-Length` that is understood.
    private static let longestLength = 18

    private var fields = RequestFields()
    private var count = 0
    private var hasTransferEncoding = false

    /// Takes in one line, without its end.
    mutating func read(_ line: UnsafeRawBufferPointer) throws(RefusedRequest) {
        count += 1
        guard count <= Self.maximumCount else {
            throw RefusedRequest(status: 431, message: "there are more than \(Self.maximumCount) header fields")
        }
        guard let first = line.first, first != UInt8(ascii: " "), first != UInt8(ascii: "\t") else {
            throw .malformed("a header field is folded")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw .malformed("a header field has no name")
        }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        guard name.allSatisfy(\.isTokenCharacter) else {
            throw .malformed("a header field's name is not a token directly followed by ':'")
        }
        let value = line[(colon + 1)...]
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }) else {
            throw .malformed("a control character in a header field")
        }
        guard let field = Field(name) else { return }
        try set(field, UnsafeRawBufferPointer(rebasing: Self.trimmed(value)))
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

    private mutating func set(_ field: Field, _ value: UnsafeRawBufferPointer) throws(RefusedRequest) {
        switch field {
        case .host: try setHost(value)
        case .contentLength: try setLength(value)
        case .transferEncoding: try setEncoding(value)
        case .connection: append(value, to: \.connection)
        case .expect: try once(field, value, \.expect)
        case .authorization: try once(field, value, \.authorization)
        case .range: try once(field, value, \.range)
        case .ifRange: try once(field, value, \.ifRange)
        case .ifNoneMatch: append(value, to: \.ifNoneMatch)
        case .userAgent: try once(field, value, \.userAgent)
        case .via: append(value, to: \.via)
        case .forwardedPrefix: append(value, to: \.forwardedPrefix)
        }
    }

    private mutating func once(
        _ name: Field,
        _ value: UnsafeRawBufferPointer,
        _ field: WritableKeyPath<RequestFields, String?>
    ) throws(RefusedRequest) {
        guard fields[keyPath: field] == nil else {
            throw .malformed("the header field \(name.rawValue) is given twice")
        }
        fields[keyPath: field] = String(decoding: value, as: UTF8.self)
    }

    /// RFC 9110, 5.3: fields that are lists may be spread over several lines.
    private mutating func append(
        _ value: UnsafeRawBufferPointer,
        to field: WritableKeyPath<RequestFields, String?>
    ) {
        let text = String(decoding: value, as: UTF8.self)
        fields[keyPath: field] = fields[keyPath: field].map { "\($0), \(text)" } ?? text
    }

    private mutating func setHost(_ value: UnsafeRawBufferPointer) throws(RefusedRequest) {
        guard value.allSatisfy({ $0.isTokenCharacter || ":[]".utf8.contains($0) }) else {
            throw .malformed("the Host header field is not a host name with an optional port")
        }
        try once(.host, value, \.host)
    }

    private mutating func setLength(_ value: UnsafeRawBufferPointer) throws(RefusedRequest) {
        guard fields.contentLength == nil else { throw .malformed("Content-Length is given twice") }
        guard !value.isEmpty, value.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .malformed("Content-Length is not a number")
        }
        guard value.count <= Self.longestLength, let length = Int(String(decoding: value, as: UTF8.self)) else {
            throw RefusedRequest(status: 413, message: "the request body is too large")
        }
        fields.contentLength = length
    }

    private mutating func setEncoding(_ value: UnsafeRawBufferPointer) throws(RefusedRequest) {
        guard !hasTransferEncoding, String(decoding: value, as: UTF8.self).lowercased() == "chunked" else {
            throw .malformed("Transfer-Encoding is not exactly 'chunked'")
        }
        hasTransferEncoding = true
        fields.isChunked = true
    }

    private static func trimmed(_ value: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = value.firstIndex(where: { !isSpace($0) }), let last = value.lastIndex(where: { !isSpace($0) })
        else { return value[value.endIndex...] }
        return value[first...last]
    }
}

extension FieldReader {
    /// The fields that are looked at.
    private enum Field: String, CaseIterable {
        case host
        case connection
        case contentLength = "content-length"
        case transferEncoding = "transfer-encoding"
        case expect
        case authorization
        case range
        case ifRange = "if-range"
        case ifNoneMatch = "if-none-match"
        case userAgent = "user-agent"
        case via
        case forwardedPrefix = "x-forwarded-prefix"

        private static let names = allCases.map { (field: $0, name: Array($0.rawValue.utf8)) }

        /// - Returns: `nil` for every other name; made without a copy of it, because most are.
        init?(_ name: UnsafeRawBufferPointer) {
            let match = Self.names.first { known in
                known.name.count == name.count && zip(name, known.name).allSatisfy { $0 | 0x20 == $1 }
            }
            guard let match else { return nil }
            self = match.field
        }
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
