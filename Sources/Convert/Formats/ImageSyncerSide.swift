import OCI
import Sync

/// One side of a rule of image-syncer: a repository, and perhaps one or several of its tags or an expression for them.
struct ImageSyncerSide {
    let location: RepositoryReference
    let hasDigest: Bool
    /// In their order; `nil` where it names none.
    let selections: [MirrorEntry.Selection]?

    init(_ text: String) throws(ReferenceError) {
        let (repository, tags) = Self.split(text)
        let image = try ImageReference(repository)
        location = image.location
        hasDigest = image.digest != nil
        if let tags {
            selections = try Self.selections(tags)
        } else {
            selections = image.tag.map { [.tag($0)] }
        }
    }

    /// Whether a variable stands in the repository: a `$` among the tags is an expression's.
    static func holdsVariable(_ text: String) -> Bool { split(text).repository.holdsVariable }

    /// `host/name:tags` without its tags, and the tags: several between commas, or an expression between slashes.
    static func split(_ text: String) -> (repository: String, tags: String?) {
        if let start = text.firstRange(of: ":/"), text.hasSuffix("/"),
            text.distance(from: start.upperBound, to: text.endIndex) > 1
        {
            return (String(text[..<start.lowerBound]), String(text[text.index(after: start.lowerBound)...]))
        }
        guard text.contains(","), let colon = text.lastIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private static func selections(_ tags: String) throws(ReferenceError) -> [MirrorEntry.Selection] {
        if tags.hasPrefix("/"), tags.hasSuffix("/") {
            return [.pattern(String(tags.dropFirst().dropLast()), excluding: nil)]
        }
        var selections: [MirrorEntry.Selection] = []
        for tag in tags.split(separator: ",") { selections.append(.tag(try TagName(tag.drop { $0 == " " }))) }
        return selections
    }
}
