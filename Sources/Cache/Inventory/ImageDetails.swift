package import OCI

/// What an image's own documents say about it, as far as they are in the cache.
package struct ImageDetails: Hashable, Sendable {
    /// What it can run on; empty for artifacts.
    package var platforms: [Platform] = []
    /// When it was built, as its config says it; of several platforms the first one's.
    package var created: String?

    package init() {}
}

extension Platform {
    /// - Returns: `nil` for the config of an artifact.
    init?(config: JSONValue) {
        guard let os = config["os"]?.string, let architecture = config["architecture"]?.string else { return nil }
        self.init(os: os, architecture: architecture, variant: config["variant"]?.string)
    }
}
