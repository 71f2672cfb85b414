package import FoundationEssentials
import NIOCore
package import OCI

/// A tag as Docker Hub's API lists it.
package struct HubTag: Hashable, Sendable {
    package let name: TagName
    /// `tag_last_pushed`, else `last_updated`; either may be missing.
    package let pushed: Date?
    /// What the tag pointed at when it was listed.
    package let digest: Digest?
    /// The images of its platforms, where the API names them.
    package let images: Set<Digest>
}

/// One page of a listing by Docker Hub's API.
struct HubPage: Sendable {
    var tags: [HubTag] = []
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
            if let tag = HubTag(row) { tags.append(tag) } else { dropped += 1 }
        }
    }
}

extension HubTag {
    fileprivate init?(_ row: JSONValue) {
        guard let text = row["name"]?.string, let name = try? TagName(text) else { return nil }
        self.name = name
        pushed = ["tag_last_pushed", "last_updated"].lazy.compactMap { row[$0]?.string.flatMap(Self.date) }.first
        digest = row["digest"]?.string.flatMap { try? Digest($0) }
        images = Set((row["images"]?.elements ?? []).compactMap { $0["digest"]?.string.flatMap { try? Digest($0) } })
    }

    /// RFC 3339 with or without a fraction of a second.
    private static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: .iso8601))
    }
}
