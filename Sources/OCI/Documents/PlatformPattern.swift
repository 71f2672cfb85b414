/// A platform as a configuration asks for it: `os/architecture[/variant]`.
///
/// Case does not matter, and the names that docker understands besides the specification's own are folded into those:
/// `x86_64`, `aarch64`, `i386`, `armhf` (`arm/v7`), `armel` (`arm/v6`), `macos`.
package struct PlatformPattern: Hashable, Sendable, CustomStringConvertible {
    package let os: String
    package let architecture: String
    package let variant: String?

    package init(_ text: some StringProtocol) throws(ReferenceError) {
        let parts = String(text).split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard (2...3).contains(parts.count), parts.allSatisfy(Self.isWord) else {
            throw ReferenceError(.platform, text, "expected os/architecture or os/architecture/variant")
        }
        let normal = PlatformNames(
            os: parts[0],
            architecture: parts[1],
            variant: parts.count == 3 ? parts[2] : nil
        )
        os = normal.os
        architecture = normal.architecture
        variant = normal.variant
    }

    package var description: String {
        [os, architecture, variant].compactMap(\.self).joined(separator: "/")
    }

    /// Whether a manifest for the platform is asked for.
    ///
    /// Without a variant `arm64` means `v8` or none and `amd64` means `v1` or none, which are the same machines: `v2`
    /// and later of `amd64` do not run on all of them. For any other architecture every variant matches. With a variant
    /// just that one does. Every `os.version` matches, because only the host that runs the image can choose among them.
    /// Attestations are for no platform.
    package func matches(_ platform: Platform) -> Bool {
        guard !platform.isUnknown else { return false }
        let offered = PlatformNames(
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant
        )
        guard os == offered.os, architecture == offered.architecture else { return false }
        let base = Self.baseVariants[architecture]
        guard let variant else { return base == nil || offered.variant == nil || offered.variant == base }
        return offered.variant == variant || (offered.variant == nil && variant == base)
    }

    private static let baseVariants = ["arm64": "v8", "amd64": "v1"]

    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0.isAlphanumeric || "_-.".utf8.contains($0) }
    }
}

/// A platform in the specification's own names; the rules of containerd's `platforms` package.
private struct PlatformNames {
    let os: String
    let architecture: String
    /// `nil` where none is given.
    let variant: String?

    init(os: String, architecture: String, variant: String?) {
        let os = os.lowercased()
        self.os = os == "macos" ? "darwin" : os
        let architecture = architecture.lowercased()
        let alias = Self.aliases[architecture]
        self.architecture = alias?.architecture ?? architecture
        let given = variant.flatMap { $0.isEmpty ? nil : $0.lowercased() }
        let isNumber = given.map { $0.utf8.count == 1 && $0.utf8.allSatisfy(\.isDigit) } ?? false
        self.variant = isNumber ? given.map { "v\($0)" } : given ?? alias?.variant
    }

    private static let aliases: [String: (architecture: String, variant: String?)] = [
        "x86_64": ("amd64", nil), "x86-64": ("amd64", nil), "i386": ("386", nil), "aarch64": ("arm64", nil),
        "armhf": ("arm", "v7"), "armel": ("arm", "v6"),
    ]
}
