import Cache
import OCI

/// Puts a part of a snapshot into a page: the list of repositories, or one of them.
struct PageBuilder {
    let snapshot: PageSnapshot
    let query: PageQuery
    let address: PullAddress
    let now: Int64

    /// The repositories that match, each with its first images.
    func showList(in view: inout PageView) async throws {
        let found = snapshot.repositories.compactMap(query.matching)
        if !query.search.isEmpty {
            view.heading = "Search results"
            view.title = "\(query.search.displaySafe) · imglife"
        }
        let (shown, pages) = page(of: found) { PageQuery.link(search: query.search, page: $0) }
        view.pages = pages
        let context = try await context(of: shown.flatMap { $0.images.prefix(CachePage.imagesListed) })
        view.listing = PageView.Listing(
            note: listNote(found.count),
            groups: shown.map { group($0, context) },
            hasGroups: !shown.isEmpty
        )
    }

    /// One repository with all of its images that match.
    func show(repository name: String, in view: inout PageView) async throws {
        let known = snapshot.repositories.first { $0.name == name || $0.reference.description == name }
        guard let known else {
            view.heading = "Not found"
            view.title = "Not found · imglife"
            view.missing = "There is no repository \(name.displaySafe) in the cache."
            return
        }
        view.heading = known.name
        view.title = "\(known.name) · imglife"
        let found = query.matching(known)
        let rows = (found?.images ?? []).flatMap(Self.rows)
        let (shown, pages) = page(of: rows) { page in
            PageQuery.link(repository: known.name, search: query.search, page: page)
        }
        view.pages = pages
        let context = try await context(of: shown.map(\.image))
        view.repository = PageView.Repository(
            note: note(of: found, within: known),
            example: example(of: known),
            rows: shown.map { PageView.Row($0.image, $0.tags, of: known, context) }
        )
    }

    private struct Line {
        let image: PageSnapshot.Image
        let tags: ArraySlice<TagName>
    }

    /// An image with very many tags has several rows.
    private static func rows(_ image: PageSnapshot.Image) -> [Line] {
        guard !image.tags.isEmpty else { return [Line(image: image, tags: [])] }
        return stride(from: 0, to: image.tags.count, by: CachePage.tagsInRow).map { start in
            Line(image: image, tags: image.tags[start..<min(start + CachePage.tagsInRow, image.tags.count)])
        }
    }

    private func group(_ repository: PageSnapshot.Repository, _ context: PageRowContext) -> PageView.Group {
        let shown = repository.images.prefix(CachePage.imagesListed)
        var rows = shown.map { image in
            PageView.Row(image, image.tags.prefix(CachePage.tagsListed), of: repository, context)
        }
        let link = PageQuery.link(repository: repository.name, search: query.search)
        let further = repository.images.count - shown.count
        let span = rows.count + (further > 0 ? 1 : 0)
        rows[0].group = PageView.GroupName(
            name: repository.name,
            link: PageQuery.link(repository: repository.name),
            span: span
        )
        let more = PageView.More(
            moreText: Self.counted(further, "more image", "more images"),
            moreLink: link
        )
        return PageView.Group(rows: rows, more: further > 0 ? more : nil)
    }

    private func context(of images: [PageSnapshot.Image]) async throws -> PageRowContext {
        PageRowContext(
            address: address,
            details: try await snapshot.details(of: images.map(\.digest)),
            support: snapshot.support,
            now: now
        )
    }

    private func page<Element>(
        of elements: [Element],
        _ link: (Int) -> String
    ) -> (shown: ArraySlice<Element>, pages: PageView.Pages?) {
        let count = max(1, (elements.count + CachePage.pageSize - 1) / CachePage.pageSize)
        let number = min(query.page, count)
        let start = (number - 1) * CachePage.pageSize
        let shown = elements[start..<min(start + CachePage.pageSize, elements.count)]
        guard count > 1 else { return (shown, nil) }
        let pages = PageView.Pages(
            pageNumber: number,
            pageCount: count,
            previousPage: number > 1 ? link(number - 1) : nil,
            nextPage: number < count ? link(number + 1) : nil
        )
        return (shown, pages)
    }
}

extension PageBuilder {
    private func listNote(_ count: Int) -> String {
        let all = snapshot.repositories.count
        guard !query.search.isEmpty else { return Self.counted(all, "repository", "repositories") + "." }
        let found = count == 0 ? "None" : CachePage.grouped(Int64(count))
        return "\(found) of \(Self.counted(all, "repository", "repositories")) "
            + "\(count == 1 ? "has" : "have") a name or tags with “\(query.search.displaySafe)”."
    }

    private func note(of found: PageSnapshot.Repository?, within all: PageSnapshot.Repository) -> String {
        let held = Self.contents(all)
        guard !query.search.isEmpty else { return held + "." }
        guard let found else { return "\(held); none with “\(query.search.displaySafe)”." }
        return "\(held); shown are those with “\(query.search.displaySafe)”: \(Self.contents(found))."
    }

    private static func contents(_ repository: PageSnapshot.Repository) -> String {
        let tags = repository.images.reduce(0) { $0 + $1.tags.count }
        return "\(counted(tags, "tag", "tags")) of \(counted(repository.images.count, "image", "images"))"
    }

    private static func counted(_ number: Int, _ one: String, _ many: String) -> String {
        "\(CachePage.grouped(Int64(number))) \(number == 1 ? one : many)"
    }

    private func example(of repository: PageSnapshot.Repository) -> String {
        let place = "docker pull \(address)/\(repository.name)"
        guard let image = repository.images.first else { return place }
        return image.tags.first.map { "\(place):\($0)" } ?? "\(place)@\(image.digest)"
    }
}
