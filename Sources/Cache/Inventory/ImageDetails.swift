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
    /// The platform that an image's config names (OCI image-spec 1.1.1, "Image Configuration").
    ///
    /// - Returns: `nil` for the config of an artifact.
    package init?(config: JSONValue) {
        guard let os = config["os"]?.string, let architecture = config["architecture"]?.string else { return nil }
        self.init(os: os, architecture: architecture, variant: config["variant"]?.string)
    }
}

/// What the index knows of one manifest beside its content.
package struct ManifestRecord: Hashable, Sendable {
    /// Sorted by repository and name.
    package let names: [ImageReference]
    /// The repositories that it was fetched from, sorted.
    package let sources: [RepositoryReference]
    /// Seconds since 1970.
    package let committedAt: Int64
    /// Seconds since 1970.
    package let usedAt: Int64
}
