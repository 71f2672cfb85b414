import Cache
import OCI

/// One repository with all of its images that match.
struct RepositoryBuilder {
    /// Tags in one row; an image with more has several.
    private static let tagsInRow = 50

    let snapshot: PageSnapshot
    let query: PageQuery
    let address: PullAddress
    let now: Int64

    func show(_ repository: PageSnapshot.Repository, in view: inout PageView) async throws {
        view.heading = repository.name
        view.title = "\(repository.name) · imglife"
        let platforms = query.asksForPlatforms ? try await details(repository.images) : [:]
        let found = query.matching(repository) { platforms[$0]?.platforms ?? [] }
        let rows = sorted(found?.images ?? []).flatMap(Self.rows)
        let (shown, pages) = query.page(of: rows)
        view.pages = pages
        let context = PageRowContext(
            address: address,
            details: try await details(shown.map(\.image)),
            bytesAlone: try await snapshot.bytesAlone(shown.map(\.image.digest)),
            incomplete: try await snapshot.incomplete(shown.map(\.image.digest)),
            support: snapshot.support,
            now: now
        )
        view.repository = PageView.Repository(
            note: note(of: found, within: repository),
            orders: query.orders([(.name, "Version"), (.size, "Size"), (.used, "Last used")]),
            pulls: pulls(repository),
            rows: shown.map { PageView.Row($0.image, $0.tags, of: repository, context) }
        )
    }

    private func details(_ images: [PageSnapshot.Image]) async throws -> [Digest: ImageDetails] {
        try await snapshot.details(of: images.map(\.digest))
    }

    private func pulls(_ repository: PageSnapshot.Repository) -> [PageView.Pull] {
        guard let image = repository.images.first else { return [] }
        let name = image.tags.first.map { ":\($0)" } ?? "@\(image.digest)"
        return address.pulls(of: repository.name + name)
    }

    private func sorted(_ images: [PageSnapshot.Image]) -> [PageSnapshot.Image] {
        switch query.order {
        case .name, .tags: images
        case .size: images.sorted { $0.bytes > $1.bytes }
        case .used: images.sorted { $0.lastUse > $1.lastUse }
        }
    }

    private struct Line {
        let image: PageSnapshot.Image
        let tags: ArraySlice<TagName>
    }

    private static func rows(_ image: PageSnapshot.Image) -> [Line] {
        guard !image.tags.isEmpty else { return [Line(image: image, tags: [])] }
        return stride(from: 0, to: image.tags.count, by: tagsInRow).map { start in
            Line(image: image, tags: image.tags[start..<min(start + tagsInRow, image.tags.count)])
        }
    }

    private func note(of found: PageSnapshot.Repository?, within all: PageSnapshot.Repository) -> String {
        let held = Self.contents(all)
        guard !query.search.isEmpty else { return held + "." }
        guard let found else { return "\(held); none with “\(query.search.displaySafe)”." }
        return "\(held); shown are those with “\(query.search.displaySafe)”: \(Self.contents(found))."
    }

    private static func contents(_ repository: PageSnapshot.Repository) -> String {
        "\(CachePage.counted(repository.tagCount, "tag", "tags")) of "
            + CachePage.counted(repository.images.count, "image", "images")
    }
}
