import OCI

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

    var description: String { "\(scheme.rawValue)://\(authority)" }

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
        self.init(bytes: Array(text.utf8)[...])
    }

    /// Byte by byte: what parts a URL is ASCII, and a character may begin with it and go on.
    private init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count <= 16_384, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            let scheme = Origin.Scheme(rawValue: String(decoding: bytes[..<colon], as: UTF8.self).lowercased()),
            bytes[colon...].dropFirst().starts(with: "//".utf8)
        else { return nil }
        let hierarchy = bytes[(colon + 3)...].prefix { $0 != UInt8(ascii: "#") }
        let authority = hierarchy.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard let origin = Origin(scheme: scheme, authority: String(decoding: authority, as: UTF8.self)) else {
            return nil
        }
        self.origin = origin
        let target = hierarchy[authority.endIndex...]
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        // Some take it for a slash there.
        guard !path.contains(UInt8(ascii: "\\")) else { return nil }
        self.path = path.isEmpty ? "/" : Self.legal(path)
        query = path.endIndex < target.endIndex ? Self.legal(target[path.endIndex...].dropFirst()) : nil
    }

    /// The text with those bytes encoded that no path or query may hold.
    private static func legal(_ bytes: ArraySlice<UInt8>) -> String {
        guard !bytes.allSatisfy({ $0.isLegal }) else { return String(decoding: bytes, as: UTF8.self) }
        var result: [UInt8] = []
        for (index, byte) in zip(bytes.indices, bytes) {
            let isEscape =
                byte == UInt8(ascii: "%") && bytes[index...].dropFirst().prefix(2).count { $0.isHexDigit } == 2
            if byte.isLegal || isEscape { result.append(byte) } else { result += byte.percentEncoded.utf8 }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The URL as it is sent.
    var text: String { "\(origin)\(target)" }

    /// The URL as it may be logged: queries carry signatures, and so may what follows a semicolon.
    var withoutQuery: String { "\(origin)\(path.prefix { $0 != ";" })" }

    private var target: String { query.map { "\(path)?\($0)" } ?? path }

    /// The same address with one more query item; the bytes that are there stay as they are.
    func adding(_ name: String, _ value: String) -> HTTPURL {
        let item = "\(name)=\(value.percentEncoded)"
        let query = query.flatMap { $0.isEmpty ? nil : "\($0)&\(item)" } ?? item
        return HTTPURL(origin: origin, path: path, query: query)
    }
}

// MARK: Which registry is meant, of those that one stands in for (OCI distribution-spec 1.1.1, "Registry Proxying")

extension HTTPURL {
    func naming(_ registry: RegistryHost?) -> HTTPURL { registry.map { adding("ns", "\($0)") } ?? self }

    /// Names the registry that another address names, unless it names one itself.
    func naming(as other: HTTPURL) -> HTTPURL {
        guard namespace == nil, let item = other.namespace else { return self }
        return HTTPURL(origin: origin, path: path, query: query.map { "\($0)&\(item)" } ?? "\(item)")
    }

    private var namespace: Substring? { query?.split(separator: "&").first { $0.hasPrefix("ns=") } }
}

extension HTTPURL {
    /// The address that a `Location` or `Link` means, seen from this one.
    ///
    /// RFC 3986, 5.2. Beyond it: `v2/…` without a leading slash is taken as absolute, as some registries mean it.
    ///
    /// - Returns: `nil` when it isn't an HTTP address or holds characters that no URL may hold.
    func resolving(_ reference: some StringProtocol) -> HTTPURL? {
        let text = Array(String(reference.trimmingBlanks).utf8).prefix { $0 != UInt8(ascii: "#") }
        let begins = { (prefix: String) in text.starts(with: prefix.utf8) }
        let following = { (prefix: String) in HTTPURL(bytes: (prefix.utf8 + text)[...]) }
        if begins("//") { return following("\(origin.scheme.rawValue):") }
        if Self.hasScheme(text) { return HTTPURL(bytes: text) }
        if begins("/") { return following("\(origin)")?.withoutDots }
        if begins("v2/") { return following("\(origin)/")?.withoutDots }
        if begins("?") { return following("\(origin)\(path)") }
        if text.isEmpty { return self }
        let directory = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        return following("\(origin)\(directory)/")?.withoutDots
    }

    /// The address at a registry whose base is below a path, which it may not know of: then it names places as if it
    /// were at its host's root.
    func below(_ base: HTTPURL?) -> HTTPURL {
        guard let base, base.path != "/", base.origin == origin, path.hasPrefix("/v2/"), !base.path.hasPrefix("/v2/")
        else { return self }
        return HTTPURL(origin: origin, path: base.path + path.dropFirst(), query: query)
    }

    private static func hasScheme(_ text: ArraySlice<UInt8>) -> Bool {
        text.first { [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0) } == UInt8(ascii: ":")
    }

    /// RFC 3986, 5.2.4.
    private var withoutDots: HTTPURL {
        guard path.utf8.contains(UInt8(ascii: ".")) else { return self }
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
            guard !name.isEmpty, name.utf8.allSatisfy({ $0.isHostCharacter }) else { return nil }
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
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "?")...UInt8(ascii: "Z"),
            UInt8(ascii: "&")...UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "$"),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
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
    /// An address that is none, as it may be shown: without user, password and what secrets may stand in behind the path.
    ///
    /// The password goes first, as it may hold what ends a path.
    var withoutQuery: String {
        // By scalars: a question mark with an accent is one character.
        String(withoutUserinfo.unicodeScalars.prefix { !";?#".unicodeScalars.contains($0) }).displaySafe
    }

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
