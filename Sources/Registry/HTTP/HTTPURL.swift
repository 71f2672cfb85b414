/// Scheme, host and port: what two addresses must share before credentials may pass from one to the other.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// The two schemes that a registry may be reached by.
    enum Scheme: String, Sendable {
        case http
        case https

        var defaultPort: Int { self == .https ? 443 : 80 }
    }

    let scheme: Scheme
    /// Lower case; an IPv6 address keeps its brackets.
    let host: String
    /// The default port where none is written.
    let port: Int

    var description: String { "\(scheme)://\(authority)" }

    /// Host and port as they stand in a URL: without the scheme's default port.
    var authority: String { port == scheme.defaultPort ? host : "\(host):\(port)" }
}

/// An absolute `http` or `https` URL whose path and query stay byte for byte as they were received.
///
/// RFC 3986 without user info and fragment: the first is refused, the second dropped. Signed URLs must not be
/// re-encoded, so nothing here decodes percent signs, and a byte that no URL may hold is encoded alone.
struct HTTPURL: Hashable, Sendable {
    let origin: Origin
    /// Starts with a slash.
    let path: String
    /// Without the question mark.
    let query: String?

    init(origin: Origin, path: String, query: String? = nil) {
        self.origin = origin
        self.path = path
        self.query = query
    }

    /// - Returns: `nil` for anything but an absolute `http` or `https` URL without user info.
    init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 16_384, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }),
            let colon = text.firstIndex(of: ":"), let scheme = Origin.Scheme(rawValue: text[..<colon].lowercased())
        else { return nil }
        let rest = text[text.index(after: colon)...]
        guard rest.hasPrefix("//") else { return nil }
        let hierarchy = rest.dropFirst(2).prefix { $0 != "#" }
        let authority = hierarchy.prefix { $0 != "/" && $0 != "?" }
        guard let origin = Origin(scheme: scheme, authority: authority) else { return nil }
        self.origin = origin
        let target = hierarchy.dropFirst(authority.count)
        let path = target.prefix { $0 != "?" }
        self.path = path.isEmpty ? "/" : Self.legal(path)
        query = path.endIndex < target.endIndex ? Self.legal(target[path.endIndex...].dropFirst()) : nil
    }

    /// The text with those bytes encoded that no path or query may hold.
    private static func legal(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        guard !bytes.allSatisfy(\.isLegal) else { return String(text) }
        var result: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && bytes.count > index + 2
                && bytes[index + 1].isHexDigit && bytes[index + 2].isHexDigit
            if byte.isLegal || isEscape { result.append(byte) } else { result += byte.percentEncoded.utf8 }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The URL as it is sent.
    var text: String { "\(origin)\(target)" }

    /// The URL as it may be logged: queries carry signatures.
    var withoutQuery: String { "\(origin)\(path)" }

    private var target: String { query.map { "\(path)?\($0)" } ?? path }

    /// The same address with one more query item; the bytes that are there stay as they are.
    func adding(_ name: String, _ value: String) -> HTTPURL {
        let item = "\(name)=\(value.percentEncoded)"
        let query = query.flatMap { $0.isEmpty ? nil : "\($0)&\(item)" } ?? item
        return HTTPURL(origin: origin, path: path, query: query)
    }
}

extension HTTPURL {
    /// The address that a `Location` or `Link` means, seen from this one.
    ///
    /// RFC 3986, 5.2. Beyond it: `v2/…` without a leading slash is taken as absolute, as some registries mean it.
    ///
    /// - Returns: `nil` when it isn't an HTTP address or holds characters that no URL may hold.
    func resolving(_ reference: some StringProtocol) -> HTTPURL? {
        let text = reference.trimmingBlanks.prefix { $0 != "#" }
        if text.hasPrefix("//") { return HTTPURL("\(origin.scheme):\(text)") }
        if Self.hasScheme(text) { return HTTPURL(text) }
        if text.hasPrefix("/") { return HTTPURL("\(origin)\(text)").map(\.withoutDots) }
        if text.hasPrefix("v2/") { return HTTPURL("\(origin)/\(text)").map(\.withoutDots) }
        if text.hasPrefix("?") { return HTTPURL("\(origin)\(path)\(text)") }
        if text.isEmpty { return self }
        let directory = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        return HTTPURL("\(origin)\(directory)/\(text)").map(\.withoutDots)
    }

    /// The address at a registry whose base is below a path, which it may not know of: then it names places as if it
    /// were at its host's root.
    func below(_ base: HTTPURL?) -> HTTPURL {
        guard let base, base.path != "/", base.origin == origin, path.hasPrefix("/v2/"), !base.path.hasPrefix("/v2/")
        else { return self }
        return HTTPURL(origin: origin, path: base.path + path.dropFirst(), query: query)
    }

    private static func hasScheme(_ text: some StringProtocol) -> Bool {
        let scheme = text.prefix { $0 != ":" && $0 != "/" && $0 != "?" }
        return scheme.endIndex < text.endIndex && text[scheme.endIndex] == ":"
    }

    /// RFC 3986, 5.2.4.
    private var withoutDots: HTTPURL {
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return HTTPURL(origin: origin, path: "/" + kept.joined(separator: "/"), query: query)
    }
}

extension Origin {
    /// - Returns: `nil` when user info stands in it, the port is none, or the host has other than host characters.
    init?(scheme: Scheme, authority: some StringProtocol) {
        guard !authority.isEmpty else { return nil }
        let host: String
        let rest: Substring
        if authority.hasPrefix("[") {
            guard let bracket = authority.firstIndex(of: "]") else { return nil }
            let inside = authority[authority.index(after: authority.startIndex)..<bracket]
            guard inside.utf8.allSatisfy({ $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }),
                inside.contains(":")
            else { return nil }
            host = authority[...bracket].lowercased()
            rest = Substring(authority[authority.index(after: bracket)...])
        } else {
            let name = authority.prefix { $0 != ":" }
            guard !name.isEmpty, name.utf8.allSatisfy(\.isHostCharacter) else { return nil }
            host = name.lowercased()
            rest = Substring(authority[name.endIndex...])
        }
        guard let port = Self.port(rest, scheme: scheme) else { return nil }
        self.init(scheme: scheme, host: host, port: port)
    }

    private static func port(_ text: Substring, scheme: Scheme) -> Int? {
        if text.isEmpty || text == ":" { return scheme.defaultPort }
        let digits = text.dropFirst()
        guard text.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits),
            port > 0
        else { return nil }
        return Int(port)
    }
}

extension UInt8 {
    var isHexDigit: Bool {
        (0x30...0x39).contains(self) || (0x61...0x66).contains(self | 0x20)
    }

    var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x61...0x7A).contains(self | 0x20)
    }

    /// Whether it may stand in a path or query as it is; percent signs depend on what follows.
    fileprivate var isLegal: Bool {
        isLetterOrDigit || "-._~!$&'()*+,;=:@/?".utf8.contains(self)
    }

    fileprivate var percentEncoded: String {
        let hex = String(self, radix: 16, uppercase: true)
        return self < 16 ? "%0\(hex)" : "%\(hex)"
    }

    fileprivate var isHostCharacter: Bool {
        isLetterOrDigit || self == UInt8(ascii: ".") || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
    }
}

extension StringProtocol {
    /// All but RFC 3986's unreserved characters as `%XX`.
    var percentEncoded: String {
        var result = ""
        for byte in utf8 {
            if byte.isLetterOrDigit || "-._~".utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += byte.percentEncoded
            }
        }
        return result
    }
}
