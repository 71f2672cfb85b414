package import OCI

/// How much of a tag's version names its life cycle.
package enum LifecycleTrack: String, CaseIterable, Sendable {
    /// `3.21.3` → `3.21`.
    case minor
    /// `22.04` → `22`.
    case major

    /// The cycle that a tag belongs to, in the tag's own digits: `22.04` stays `22.04`.
    ///
    /// A tag with fewer parts than the cycle has is its own cycle: `17` under `minor` is `17`.
    ///
    /// - Returns: `nil` for a tag that does not start with a version, such as `latest`. Not an error.
    package func cycle(of tag: TagName) -> String? {
        guard let version = TagVersion(tag) else { return nil }
        return version.parts.prefix(self == .minor ? 2 : 1).joined(separator: ".")
    }
}

/// Where a product's life cycles are looked up, and how its tags name them.
package struct LifecycleTracking: Hashable, Sendable {
    /// The product's name at endoflife.date: letters, digits, `.`, `_`, `+` and `-`.
    package let product: String
    package let track: LifecycleTrack

    package init(product: String, track: LifecycleTrack) {
        self.product = product
        self.track = track
    }
}
