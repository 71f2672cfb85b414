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
