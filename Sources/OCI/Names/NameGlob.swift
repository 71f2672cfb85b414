import Glibc

/// A glob over names of images as people write them, with `*`, `?` and `[…]`; text without them means itself.
///
/// With and without the tag, and Docker Hub's names also short, as for `docker pull`.
package struct NameGlob: Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package func matches(_ name: ImageReference) -> Bool {
        matches(name.location) || Self.spellings(of: "\(name)", at: name.location.host).contains(where: matches)
    }

    package func matches(_ location: RepositoryReference) -> Bool {
        Self.spellings(of: "\(location)", at: location.host).contains(where: matches)
    }

    /// Whether it is this text, or a glob that matches it.
    package func matches(_ spelling: String) -> Bool { fnmatch(text, spelling, 0) == 0 }

    private static func spellings(of name: String, at host: RegistryHost) -> [String] {
        guard host == .dockerHub else { return [name] }
        let withoutHost = String(name.dropFirst("docker.io/".count))
        let official = "library/"
        let short = withoutHost.hasPrefix(official) ? [String(withoutHost.dropFirst(official.count))] : []
        return [name, withoutHost] + short
    }
}
