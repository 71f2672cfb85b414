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
