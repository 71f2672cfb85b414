/// The platform that a manifest of an index is for.
///
/// OCI image-spec 1.1.1, image index, `platform`.
package struct Platform: Hashable, Sendable, CustomStringConvertible {
    package let os: String
    package let architecture: String
    package let variant: String?
    package let osVersion: String?

    package init(os: String, architecture: String, variant: String? = nil, osVersion: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
        self.osVersion = osVersion
    }

    /// `os/architecture[/variant]`, as remote text: safe to show only through ``displaySafe``.
    package var description: String {
        [os, architecture, variant].compactMap(\.self).joined(separator: "/")
    }

    /// BuildKit's mark for attestation manifests, which belong to an image rather than being one.
    package var isUnknown: Bool { os == "unknown" && architecture == "unknown" }
}

/// A platform as a configuration asks for it: `os/architecture[/variant]`.
package struct PlatformPattern: Hashable, Sendable, CustomStringConvertible {
    package let os: String
    package let architecture: String
    package let variant: String?

    package init(_ text: some StringProtocol) throws(ReferenceError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { $0.lowercased() }
        guard (2...3).contains(parts.count), parts.allSatisfy(Self.isWord) else {
            throw ReferenceError(.platform, text, "expected os/architecture or os/architecture/variant")
        }
        os = parts[0]
        architecture = Self.aliases[parts[1]] ?? parts[1]
        variant = parts.count == 3 ? parts[2] : nil
    }

    package var description: String {
        [os, architecture, variant].compactMap(\.self).joined(separator: "/")
    }

    /// Whether a manifest for the platform is asked for.
    ///
    /// Without a variant `arm64` means `v8` or none and `amd64` means `v1` or none, which are the same machines; for
    /// any other architecture every variant matches. With a variant just that one does.
    package func matches(_ platform: Platform) -> Bool {
        guard os == platform.os, architecture == Self.aliases[platform.architecture] ?? platform.architecture else {
            return false
        }
        let offered = platform.variant.flatMap { $0.isEmpty ? nil : $0 }
        let base = Self.baseVariants[architecture]
        guard let variant else { return base == nil || offered == nil || offered == base }
        return offered == variant || (offered == nil && variant == base)
    }

    /// The names that `uname` uses, which docker accepts too.
    private static let aliases = ["x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm"]
    private static let baseVariants = ["arm64": "v8", "amd64": "v1"]

    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0.isAlphanumeric || "_-.".utf8.contains($0) }
    }
}
