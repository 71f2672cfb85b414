/// The address below which a service answers: `https://registry.example.com:5000/prefix`.
///
/// `http` or `https`, a host as registries are named, and a path at most: no credentials, query or fragment. A slash at
/// the end is dropped, so that a path can be appended.
package struct BaseURL: Hashable, Sendable, CustomStringConvertible {
    package let isPlainHTTP: Bool
    package let host: RegistryHost
    /// Empty, or a path that starts with a slash and does not end with one.
    package let path: String
    package let description: String

    /// - Throws: ``ReferenceError`` whose reason ends "must be …"; the text of a URL with credentials is not in it.
    package init(_ text: some StringProtocol) throws(ReferenceError) {
        let lowered = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: lowered.hasPrefix) else {
            throw Self.error(text, "must start with http:// or https://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else {
            throw Self.error("", "must not carry credentials; set IMGLIFE_<HOST>_USERNAME and _PASSWORD instead")
        }
        var path = String(rest.dropFirst(authority.count))
        guard path.utf8.allSatisfy(Self.isPathByte) else {
            throw Self.error(text, "must be a base URL: host and path, without query or fragment")
        }
        while path.hasSuffix("/") { path.removeLast() }
        do {
            host = try Self.parseHost(authority)
        } catch {
            throw Self.error(text, "must name a host, with an optional :port: \(error.reason)")
        }
        self.path = path
        isPlainHTTP = scheme == "http://"
        description = scheme + authority.lowercased() + path
    }

    /// `https://registry-1.docker.io` is written back as it is, though its host folds into `docker.io`.
    private static func parseHost(_ authority: some StringProtocol) throws(ReferenceError) -> RegistryHost {
        try RegistryHost(authority)
    }

    private static func error(_ text: some StringProtocol, _ reason: String) -> ReferenceError {
        ReferenceError(.reference, text, reason)
    }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && !"?#\\\"<>^`{|}".utf8.contains(byte)
    }
}
