import FoundationEssentials
import NIOCore
import OCI

/// One page of a listing by Docker Hub's API.
struct HubPage: Sendable {
    var tags: [ListedTag] = []
    /// Rows whose names are no tags.
    var dropped = 0
    /// How many tags there are on all pages, as the API says.
    let count: Int64?
    /// Where the next page is, as written.
    let next: String?

    /// All rows, those dropped included.
    var rowCount: Int { tags.count + dropped }

    /// - Throws: ``RegistryError``, worth one more try: proxies and login pages answer with something else.
    init(_ response: HTTPResponse, _ context: CallContext) throws(RegistryError) {
        guard !response.isCut else { throw context.error(.tooLarge, "a page of Docker Hub's API has more than 16 MiB") }
        let root = try? JSONValue(parsing: response.bytes)
        let results = root?.members?.first { $0.key == "results" }?.value
        guard let root, let results, let rows = results.isNull ? [] : results.elements else {
            throw context.notUnderstood(
                response,
                "Docker Hub's API answers with something that is not a list of tags"
            )
        }
        count = root["count"]?.integer
        next = root["next"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        for row in rows {
            if let tag = ListedTag(row) { tags.append(tag) } else { dropped += 1 }
        }
    }
}

extension ListedTag {
    /// Its date is `tag_last_pushed`, else `last_updated`; either may be missing.
    fileprivate init?(_ row: JSONValue) {
        guard let text = row["name"]?.string, let name = try? TagName(text) else { return nil }
        self.init(
            name: name,
            date: ["tag_last_pushed", "last_updated"].lazy.compactMap { row[$0]?.string.flatMap(Self.date) }.first,
            digest: row["digest"]?.string.flatMap { try? Digest($0) },
            images: (row["images"]?.elements ?? []).compactMap(ListedImage.init)
        )
    }

    /// RFC 3339 with or without a fraction of a second.
    private static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: .iso8601))
    }
}

extension ListedImage {
    fileprivate init?(_ image: JSONValue) {
        guard let digest = image["digest"]?.string.flatMap({ try? Digest($0) }) else { return nil }
        let variant = image["variant"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let platform = image["os"]?.string.flatMap { os in
            image["architecture"]?.string.map { Platform(os: os, architecture: $0, variant: variant) }
        }
        self.init(digest: digest, platform: platform, size: image["size"]?.integer.flatMap { $0 >= 0 ? $0 : nil })
    }
}
