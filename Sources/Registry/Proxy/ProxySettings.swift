import OCI

/// Which requests go through a proxy, from the environment.
///
/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; lower-case names win over upper-case ones, as in curl, and `HTTP_PROXY`
/// in upper case is ignored where `REQUEST_METHOD` says that we run behind a web server (httpoxy). Requests to this
/// machine never go through a proxy.
package struct ProxySettings: Sendable {
    /// One proxy.
    struct Proxy: Hashable, Sendable, CustomStringConvertible {
        let host: String
        let port: Int
        let user: String?
        let password: Secret?

        /// Where it is, without whom it is told that we are.
        var description: String { "\(host):\(port)" }
    }

    /// No request goes through a proxy.
    package static let none = ProxySettings(https: nil, http: nil, exceptions: [])

    private let https: Proxy?
    private let http: Proxy?
    private let exceptions: [ProxyException]

    private init(https: Proxy?, http: Proxy?, exceptions: [ProxyException]) {
        self.https = https
        self.http = http
        self.exceptions = exceptions
    }

    /// - Throws: ``ProxyError`` when a proxy's address is not `[http://][user:password@]host[:port]`.
    package init(environment: [String: String]) throws(ProxyError) {
        https = try Self.proxy(["https_proxy", "HTTPS_PROXY"], environment)
        let isGateway = environment["REQUEST_METHOD"] != nil
        http = try Self.proxy(isGateway ? ["http_proxy"] : ["http_proxy", "HTTP_PROXY"], environment)
        let exceptions = environment["no_proxy"].flatMap { $0.isEmpty ? nil : $0 } ?? environment["NO_PROXY"] ?? ""
        self.exceptions = exceptions.split { $0 == "," || $0 == " " }.compactMap(ProxyException.init)
    }

    /// The proxy for requests to an origin; `nil` when they go straight there.
    func proxy(for origin: Origin) -> Proxy? {
        guard let proxy = origin.scheme == .https ? https : http, !origin.isLoopback else { return nil }
        return exceptions.contains { $0.matches(host: origin.host, port: origin.port) } ? nil : proxy
    }

    var proxies: Set<Proxy> { Set([https, http].compactMap(\.self)) }

    private static func proxy(_ names: [String], _ environment: [String: String]) throws(ProxyError) -> Proxy? {
        for name in names {
            guard let text = environment[name], !text.isEmpty else { continue }
            guard let proxy = Proxy(text) else { throw ProxyError(variable: name) }
            return proxy
        }
        return nil
    }
}

/// A proxy's address that cannot be used; does not show it, because it may hold a password.
package struct ProxyError: Error, Hashable, Sendable, CustomStringConvertible {
    package let variable: String

    package var description: String {
        "\(variable) is not the address of an HTTP proxy: write it as http://host:port"
    }
}

extension ProxySettings.Proxy {
    init?(_ text: String) {
        var rest = text[...]
        if let range = text.firstRange(of: "://") {
            guard text[..<range.lowerBound].lowercased() == "http" else { return nil }
            rest = text[range.upperBound...]
        }
        rest = rest.prefix { $0 != "/" }
        var user: String?
        var password: Secret?
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = String(parts[0]).percentDecoded
            password = Secret(parts.count > 1 ? String(parts[1]).percentDecoded : "")
            rest = rest[rest.index(after: at)...]
        }
        guard let origin = Origin(scheme: .http, authority: rest) else { return nil }
        self.init(host: origin.bareHost, port: origin.port, user: user, password: password)
    }
}

extension Origin {
    /// Whether it is this machine.
    var isLoopback: Bool { (try? RegistryHost(host))?.isLoopback == true }

    /// An IPv6 address without its brackets.
    var bareHost: String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }
}

extension String {
    /// Each `%XX` as the byte it means; anything else stays.
    var percentDecoded: String {
        var result: [UInt8] = []
        var bytes = Array(utf8)[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%"), bytes.count >= 2, bytes.prefix(2).allSatisfy(\.isHexDigit),
                let value = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16)
            {
                result.append(value)
                bytes = bytes.dropFirst(2)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
