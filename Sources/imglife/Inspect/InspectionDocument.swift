/// What `imglife inspect` tells of an image; texts of an image are shown only when they have been made safe.
struct InspectionDocument: Encodable {
    /// Some content that the image refers to.
    struct Part: Encodable {
        let digest: String
        let mediaType: String
        let size: Int64
        /// Whether it is in the cache.
        let isHere: Bool
    }

    /// The manifest of one platform, or of an artifact.
    struct Manifest: Encodable {
        let digest: String
        let mediaType: String
        let size: Int64
        /// Left out for an artifact.
        let platform: String?
        /// Whether the manifest and all that it refers to is in the cache.
        let isWhole: Bool
        /// Of the config and all layers; left out where the manifest is not in the cache.
        var bytes: Int64?
        /// When it was built, as its config says.
        var created: String?
        var layers: [Part]?
        var labels: [String: String]?
    }

    /// A signature, an attestation and the like.
    struct Referrer: Encodable {
        let subject: String
        let digest: String
        let mediaType: String
        let artifactType: String?
        let size: Int64
    }

    /// What a tag stood for.
    struct Period: Encodable {
        let digest: String
        /// Seconds since 1970.
        let since: Int64
        /// Left out while it still does.
        let until: Int64?
    }

    let version = 1
    let reference: String
    let digest: String
    let mediaType: String
    let isWhole: Bool
    /// All names that lead to this digest.
    let names: [String]
    /// The repositories that it was fetched from.
    let sources: [String]
    /// Seconds since 1970; left out where the index does not know it.
    let storedAt: Int64?
    let lastUse: Int64?
    let annotations: [String: String]
    let manifests: [Manifest]
    let referrers: [Referrer]
    /// The latest first; empty for an image that was named by its digest.
    let history: [Period]
}
