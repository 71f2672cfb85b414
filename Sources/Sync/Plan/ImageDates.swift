import Concurrency
import FoundationEssentials
import OCI

extension Manifest {
    fileprivate var annotations: [String: String] {
        switch content {
        case .image(let image): image.annotations
        case .index(let index): index.annotations
        }
    }
}

/// When images were created, asked of their configs: the only date that a registry's own interface tells.
struct ImageDates {
    /// How many configs are asked for at a time.
    private static let parallelism = 8

    let source: any ImageSource
    let configs: ConfigReader

    /// The listing with the dates of these tags, which cost a few small requests each.
    ///
    /// A tag that vanished meanwhile, or whose image tells no date, stays without one. So does one that cannot be read,
    /// with a warning: it must not keep its siblings from being mirrored.
    ///
    /// - Throws: `CancellationError` only.
    func adding(
        to listed: [ListedTag],
        for undated: [TagName]
    ) async throws -> (tags: [ListedTag], warnings: [String]) {
        let answers = try await undated.map(limit: Self.parallelism) { try await answer(for: $0) }
        let dates = Dictionary(answers.map { ($0.tag, $0.date) }) { first, _ in first }
        var tags = listed
        for index in tags.indices { tags[index].date = tags[index].date ?? dates[tags[index].name] }
        return (tags, answers.compactMap(\.warning).sorted())
    }

    private struct Answer: Sendable {
        let tag: TagName
        var date = Date.distantPast
        var warning: String?
    }

    private func answer(for tag: TagName) async throws -> Answer {
        do {
            return Answer(tag: tag, date: try await created(tag) ?? .distantPast)
        } catch let error where !error.isCancellation {
            let warning = "the date of the tag '\(tag)' cannot be read, so it counts as the oldest: \(error)"
            return Answer(tag: tag, warning: warning)
        }
    }

    /// The config's date, else the one that an artifact's annotation tells (OCI image-spec 1.1.1, "Annotations").
    private func created(_ tag: TagName) async throws -> Date? {
        let document = try await source.manifest(.tag(tag), listedAs: nil, over: nil, in: configs.cache)
        guard let document else { return nil }
        let config = try await configs.first(of: document)
        return (config?.created ?? document.annotations["org.opencontainers.image.created"]).flatMap(Self.date)
    }

    /// RFC 3339 with or without a fraction of a second.
    static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: .iso8601))
    }
}
