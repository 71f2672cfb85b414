import Glibc

/// A glob over names of images as people write them, with `*`, `?` and `[…]`; text without them means itself, and so does
/// an address in brackets that it begins with.
///
/// With and without the tag, and Docker Hub's names as people write them: also short, as for `docker pull`, and with its
/// host's other names.
package struct NameGlob: Sendable {
    private let pattern: String

    package init(_ text: String) {
        let address = text.hasPrefix("[") ? text.firstIndex(of: "]").map { text[...$0] } : nil
        pattern = address.map { (try? RegistryHost($0)) != nil } ?? false ? "\\" + text : text
    }

    /// Whether a text means a glob, and not the one name that it is.
    package static func isMeant(by text: String) -> Bool {
        text.contains { "*?[".contains($0) } && (try? ImageReference(text)) == nil
    }

    package func matches(_ name: ImageReference) -> Bool {
        matches(name.location) || Self.spellings(of: "\(name)", at: name.location.host).contains(where: matches)
    }

    package func matches(_ location: RepositoryReference) -> Bool {
        Self.spellings(of: "\(location)", at: location.host).contains(where: matches)
    }

    /// Whether it is this text, or a glob that matches it.
    package func matches(_ spelling: String) -> Bool { fnmatch(pattern, spelling, 0) == 0 }

    private static func spellings(of name: String, at host: RegistryHost) -> [String] {
        guard host == .dockerHub else { return [name] }
        let withoutHost = name.dropFirst("docker.io/".count)
        let official = "library/"
        let paths = [withoutHost] + (withoutHost.hasPrefix(official) ? [withoutHost.dropFirst(official.count)] : [])
        return paths.flatMap { path in [String(path)] + RegistryHost.dockerHubNames.map { "\($0)/\(path)" } }
    }
}
