import Cache
import OCI

/// The list of repositories that match, in the order that was asked for.
struct ListBuilder {
    /// Tags of a repository that a search shows.
    static let tagsListed = 8

    let snapshot: PageSnapshot
    let query: PageQuery
    let runs: PageRuns?
    /// In seconds since 1970.
    let now: Int64

    func show(in view: inout PageView) async throws {
        if !query.search.isEmpty {
            view.heading = "Search results"
            view.title = "\(query.search.displaySafe) · imglife"
        }
        let found = sorted(try await matches())
        let (shown, pages) = query.page(of: found)
        view.pages = pages
        // What is broken is told where people look first.
        let incomplete = try await snapshot.incomplete(
            shown.flatMap { $0.images.prefix(Self.tagsListed).map(\.digest) }
        )
        view.listing = PageView.Listing(
            note: note(found.count),
            orders: query.orders([(.name, "Name"), (.tags, "Tags"), (.size, "Size"), (.used, "Last used")]),
            hasSyncs: runs != nil,
            items: shown.map { item($0, incomplete) },
            hasItems: !shown.isEmpty
        )
    }

    private func matches() async throws -> [PageSnapshot.Repository] {
        guard query.asksForPlatforms else { return snapshot.repositories.compactMap { query.matching($0) } }
        let all = snapshot.repositories.flatMap { $0.images.map(\.digest) }
        let details = try await snapshot.details(of: all)
        return snapshot.repositories.compactMap { query.matching($0) { details[$0]?.platforms ?? [] } }
    }

    private func sorted(_ repositories: [PageSnapshot.Repository]) -> [PageSnapshot.Repository] {
        switch query.order {
        case .name: repositories
        case .tags: repositories.sorted { $0.tagCount > $1.tagCount }
        case .size: repositories.sorted { $0.bytes > $1.bytes }
        case .used: repositories.sorted { $0.lastUse > $1.lastUse }
        }
    }

    private func item(_ repository: PageSnapshot.Repository, _ incomplete: Set<Digest>) -> PageView.Item {
        let tags = repository.images.flatMap(\.tags)
        let shown = tags.prefix(query.search.isEmpty ? 1 : Self.tagsListed)
        let isIncomplete = repository.images.contains { incomplete.contains($0.digest) }
        var link = PageQuery()
        link.repository = repository.name
        link.search = query.search
        return PageView.Item(
            name: repository.name,
            link: link.link,
            tagCount: CachePage.grouped(Int64(tags.count)),
            newest: shown.map {
                PageView.TagLink(tag: $0.description, tagLink: PageQuery.link(to: $0.description, of: repository.name))
            },
            furtherTags: !query.search.isEmpty && tags.count > shown.count
                ? "and \(tags.count - shown.count) more" : nil,
            bytes: "\(ByteCount(repository.bytes))",
            use: PageView.Moment(PageTime(repository.lastUse, now: now)),
            sync: runs?.latest(of: repository.reference).map { sync($0, repository.reference) },
            isIncomplete: isIncomplete
        )
    }

    private func sync(_ run: PageRun, _ repository: RepositoryReference) -> PageView.ItemSync {
        let failed = run.failures.count { $0.repository == repository }
        return PageView.ItemSync(
            when: PageView.Moment(PageTime(run.ended, now: now)),
            failed: failed > 0 ? "\(failed) failed" : nil
        )
    }

    private func note(_ count: Int) -> String {
        let all = CachePage.counted(snapshot.repositories.count, "repository", "repositories")
        guard !query.search.isEmpty else { return "\(all)." }
        let found = count == 0 ? "None" : CachePage.grouped(Int64(count))
        return "\(found) of \(all) \(count == 1 ? "has" : "have") a name, tags, a digest or a platform with "
            + "“\(query.search.displaySafe)”."
    }
}

extension PageQuery {
    /// The part of a list that is asked for, and where the others are.
    func page<Element>(of elements: [Element]) -> (shown: ArraySlice<Element>, pages: PageView.Pages?) {
        let count = max(1, (elements.count + CachePage.pageSize - 1) / CachePage.pageSize)
        let number = min(page, count)
        let start = (number - 1) * CachePage.pageSize
        let shown = elements[start..<min(start + CachePage.pageSize, elements.count)]
        guard count > 1 else { return (shown, nil) }
        let pages = PageView.Pages(
            pageNumber: number,
            pageCount: count,
            previousPage: number > 1 ? at(page: number - 1).link : nil,
            nextPage: number < count ? at(page: number + 1).link : nil
        )
        return (shown, pages)
    }

    /// Links to the orders in which a list can be shown; the present one is none.
    func orders(_ all: [(order: Order, text: String)]) -> [PageView.OrderLink] {
        all.map { order, text in
            PageView.OrderLink(order: text, orderLink: order == self.order ? nil : at(in: order).link)
        }
    }
}
