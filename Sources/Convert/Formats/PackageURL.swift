import OCI

/// The image that a package URL names: `pkg:oci/debian@sha256%3A…?repository_url=docker.io/library/debian&tag=12`.
///
/// The types `oci` and `docker` of the purl specification; of other types there is no image.
enum PackageURL {
    static func image(_ text: String) -> String? {
        guard text.lowercased().hasPrefix("pkg:") else { return nil }
        let body = text.dropFirst(4).drop { $0 == "/" }.prefix { $0 != "#" }
        let parts = body.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let slash = parts[0].firstIndex(of: "/") else { return nil }
        let type = parts[0][..<slash].lowercased()
        guard type == "oci" || type == "docker" else { return nil }
        let path = parts[0][parts[0].index(after: slash)...]
        let named = path.split(separator: "@", maxSplits: 1)
        guard let name = named.first.map(decoded), !name.isEmpty else { return nil }
        let version = named.count == 2 ? decoded(named[1]) : nil
        let qualifiers = parts.count == 2 ? self.qualifiers(parts[1]) : [:]
        return image(type: type, name: name, version: version, qualifiers: qualifiers)
    }

    private static func image(type: String, name: String, version: String?, qualifiers: [String: String]) -> String {
        let address = qualifiers["repository_url"].map { String($0.split(separator: "://").last ?? "") }
        // `oci` gives the whole repository there, `docker` the registry alone.
        let repository =
            switch (type, address) {
            case (_, nil): name
            case ("oci", let address?): address
            case (_, let address?): address.hasSuffix("/\(name)") ? address : "\(address)/\(name)"
            }
        let isDigest = version?.contains(":") == true
        let tag = qualifiers["tag"] ?? (isDigest ? nil : version)
        return repository + (tag.map { ":\($0)" } ?? "") + (isDigest ? version.map { "@\($0)" } ?? "" : "")
    }

    private static func qualifiers(_ text: Substring) -> [String: String] {
        var result: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { result[parts[0].lowercased()] = decoded(parts[1]) }
        }
        return result
    }

    /// Percent-decoded; a broken escape stays as it is.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.first {
            rest = rest.dropFirst()
            if byte == UInt8(ascii: "%"), let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
