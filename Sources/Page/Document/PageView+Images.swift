extension PageView {
    /// Repositories, one a row.
    struct Listing {
        let note: String
        let orders: [OrderLink]
        let hasSyncs: Bool
        let items: [Item]
        let hasItems: Bool
    }

    struct Item {
        let name: String
        let link: String
        let tagCount: String
        let newest: [TagLink]
        let furtherTags: String?
        let bytes: String
        let use: Moment
        let sync: ItemSync?
        let isIncomplete: Bool
    }

    struct ItemSync {
        let when: Moment
        let failed: String?
    }

    struct TagLink {
        let tag: String
        let tagLink: String
    }

    /// One repository with all of its images.
    struct Repository {
        let note: String
        let orders: [OrderLink]
        let pulls: [Pull]
        let rows: [Row]
    }

    struct Tag {
        let tag: String
        let tagLink: String
        let pull: String
    }

    struct Row {
        let tags: [Tag]
        let untagged: Bool
        let isIncomplete: Bool
        let digestPull: String
        let digestLink: String
        let cutDigest: String
        let wholeDigest: String
        let platforms: [String]
        let own: String
        let shared: String
        let use: Moment
        let built: String?
        let end: End?
    }

    struct End {
        let standing: String
        let words: String
    }

    /// One image.
    struct Image {
        let repositoryName: String
        let repositoryLink: String
        let imageDigest: String
        let facts: [Pair]
        let isIncomplete: Bool
        let pulls: [Pull]
        let hasPlatforms: Bool
        let variants: [Variant]
        let furtherVariants: String?
        let notes: [Pair]
        let hasNotes: Bool
        let referrers: [Referrer]
        let furtherReferrers: String?
        let noReferrers: Bool
        let periods: [Period]
        let hasPeriods: Bool
    }

    struct Variant {
        let platform: String
        let variantDigest: String
        let variantLink: String?
        let variantBytes: String
        let variantIncomplete: Bool
        let layerCount: String
        let layers: [Layer]
        let furtherLayers: String?
        let labels: [Pair]
        let hasLabels: Bool
    }

    struct Layer {
        let layerDigest: String
        let layerBytes: String
        let layerType: String
        let isMissing: Bool
    }

    struct Referrer {
        let kind: String
        let referrerDigest: String
        let referrerLink: String
        let referrerBytes: String
    }

    /// What a tag stood for.
    struct Period {
        let periodDigest: String
        let since: Moment
        let ended: String?
    }
}
