import Cache
import FoundationEssentials
import OCI
import Registry

/// When images were created, asked of their configs: the only date that a registry's own interface tells.
struct ImageDates {
    /// How many configs are asked for at a time.
    private static let parallelism = 8

    let source: any ImageSource
    let cache: ContentCache?

    /// The listing with the dates of these tags, which cost a few small requests each.
    ///
    /// A tag that vanished meanwhile, or whose config tells no date, stays without one; not an error.
    func adding(to listed: [ListedTag], for undated: [TagName]) async throws -> [ListedTag] {
        let dates = try await withThrowingTaskGroup(of: (TagName, Date).self) { group in
            var dates: [TagName: Date] = [:]
            for (position, tag) in undated.enumerated() {
                if position >= Self.parallelism, let (tag, date) = try await group.next() { dates[tag] = date }
                group.addTask { (tag, try await created(tag) ?? .distantPast) }
            }
            for try await (tag, date) in group { dates[tag] = date }
            return dates
        }
        return listed.map {
            ListedTag(name: $0.name, date: $0.date ?? dates[$0.name], digest: $0.digest, images: $0.images)
        }
    }

    private func created(_ tag: TagName) async throws -> Date? {
        guard let document = try await source.manifest(.tag(tag)),
            let created = try await ImageConfig.first(of: document, from: source, through: cache)?.created
        else { return nil }
        return Self.date(created)
    }

    /// RFC 3339 with or without a fraction of a second.
    static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: .iso8601))
    }
}
