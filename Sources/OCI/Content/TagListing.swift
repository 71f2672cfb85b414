package import FoundationEssentials

/// Whose tags can be listed: an upstream repository, a target, or what the cache holds of one.
package protocol TagListing: Sendable {
    /// All tags, each once, in any order.
    ///
    /// - Returns: `nil` when there is no such repository. Not an error: a target's is often made by the first push.
    func tags() async throws -> [TagName]?

    /// The tags with what the listing happens to know of them, at no request for each.
    ///
    /// - Returns: as ``tags()``.
    func listing() async throws -> TagList?
}

extension TagListing {
    package func listing() async throws -> TagList? { try await tags().map { TagList(names: $0) } }
}

/// A listing of a repository's tags.
package struct TagList: Sendable {
    package var tags: [ListedTag]
    /// What a person should know of how it came about, one line each.
    package var warnings: [String] = []

    package init(_ tags: [ListedTag]) {
        self.tags = tags
    }

    package init(names: [TagName]) {
        tags = names.map { ListedTag(name: $0) }
    }
}

/// The beginning of a listing of a repository's tags.
package struct FirstTags: Sendable {
    package let names: [TagName]
    /// Whether there are no more.
    package let areAll: Bool

    package init(_ names: [TagName], areAll: Bool) {
        (self.names, self.areAll) = (names, areAll)
    }
}

/// A tag as a listing shows it, with what the listing happens to know about it.
///
/// A long listing has many, and most are no more than names.
package struct ListedTag: Hashable, Sendable {
    private struct Details: Hashable, Sendable {
        var date: Date?
        var digest: Digest?
        var images: [ListedImage] = []
    }

    private final class Box: Hashable, Sendable {
        let details: Details

        init(_ details: Details) {
            self.details = details
        }

        static func == (left: Box, right: Box) -> Bool { left.details == right.details }

        func hash(into hasher: inout Hasher) { hasher.combine(details) }
    }

    package let name: TagName
    /// `nil` where there are none.
    private var box: Box?

    package init(name: TagName, date: Date? = nil, digest: Digest? = nil, images: [ListedImage] = []) {
        self.name = name
        details = Details(date: date, digest: digest, images: images)
    }

    private var details: Details {
        get { box?.details ?? Details() }
        set { box = newValue == Details() ? nil : Box(newValue) }
    }

    /// When it was pushed, or its image created; `nil` when nobody has asked yet.
    package var date: Date? {
        get { details.date }
        set { details.date = newValue }
    }

    /// The digest it pointed at when it was listed.
    package var digest: Digest? { details.digest }

    /// Its platforms' images, where the listing names them.
    package var images: [ListedImage] { details.images }
}

/// One platform's image as a listing shows it.
package struct ListedImage: Hashable, Sendable {
    package let digest: Digest
    package let platform: Platform?
    /// Its layers as they travel, in bytes.
    package let size: Int64?

    package init(digest: Digest, platform: Platform? = nil, size: Int64? = nil) {
        self.digest = digest
        self.platform = platform
        self.size = size
    }
}
