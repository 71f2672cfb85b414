import OCI

/// Where clients reach this mirror: a scheme and a host, such as `http://127.0.0.1:5050`.
struct MirrorAddress: Hashable, Sendable, CustomStringConvertible {
    let isSecure: Bool
    /// With its port where one is given.
    let host: RegistryHost

    /// - Parameter text: `http://` or `https://` and a host, with an optional port and nothing after it but one `/`.
    /// - Throws: `ReferenceError` that says what is wrong with the host; text without scheme is taken as a host on HTTPS.
    init(_ text: String) throws(ReferenceError) {
        var rest = Substring(text)
        if rest.hasPrefix("http://") {
            isSecure = false
            rest = rest.dropFirst("http://".count)
        } else {
            isSecure = true
            if rest.hasPrefix("https://") { rest = rest.dropFirst("https://".count) }
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        host = try RegistryHost(rest)
    }

    var description: String { "\(isSecure ? "https" : "http")://\(host)" }
}
