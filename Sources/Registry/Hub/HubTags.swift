import Concurrency
import Logging
package import OCI

extension RegistryClient {
    /// All tags of a repository as Docker Hub's API lists them, with dates and digests.
    ///
    /// Docker Hub API, `GET /v2/namespaces/{namespace}/repositories/{repository}/tags`. Asked with the credentials of
    /// the registry. The order is the API's. Safe to repeat.
    ///
    /// - Returns: `nil` when the repository's host has no such API, or the API cannot have the repository: its names
    ///   have two components. Not an error: the registry lists the tags itself then.
    /// - Throws: ``RegistryError`` after the tries; `CancellationError`.
    package func hubTags(of location: RepositoryReference) async throws -> [ListedTag]? {
        try await hub(for: location.host).flatMap { HubListing($0, location) }?.tags()
    }
}

/// One listing of a repository's tags.
///
/// It is always read to its end. The API can list the latest pushed first, but that proves nothing about what follows:
/// versions come before dates in the order of tags, and the highest version may have been pushed before all others.
struct HubListing: Sendable {
    static let pageSize = 100
    static let maximumPages = 10_000
    /// How many pages are under way at once.
    private static let parallelism = 6

    private let hub: HubAPI
    private let first: HTTPURL
    private let context: CallContext
    private let maximumTags: Int

    init?(_ hub: HubAPI, _ location: RepositoryReference, maximumTags: Int = TagPages.maximumTags) {
        let parts = location.repository.description.split(separator: "/")
        guard parts.count == 2 else { return nil }
        self.hub = hub
        self.maximumTags = maximumTags
        context = hub.service.retry.context(.listTags, location)
        let path = "v2/namespaces/\(parts[0])/repositories/\(parts[1])/tags"
        first = hub.base.appending(path, query: "page_size=\(Self.pageSize)")
    }

    func tags() async throws -> [ListedTag] {
        guard let page = try await self.page(at: first) else {
            throw context.error(.notFound, "it does not show the repository", status: 404)
        }
        var merged = MergedTags()
        try add(page, to: &merged)
        if let rest = try await numberedPages(after: page) {
            for page in rest { try add(page, to: &merged) }
        } else {
            try await follow(page, into: &merged)
        }
        guard !merged.isCutShort else {
            throw context.error(
                .protocolViolation,
                "its pages end after \(merged.rows) of \(merged.claimed ?? 0) tags"
            )
        }
        if merged.dropped > 0 {
            hub.logger.warning(
                "names that are not tags are left out",
                metadata: ["place": "\(context.location)", "count": "\(merged.dropped)"]
            )
        }
        return merged.tags
    }

    /// - Returns: whether the page brought anything new.
    @discardableResult
    private func add(_ page: HubPage, to merged: inout MergedTags) throws -> Bool {
        let isNew = merged.add(page)
        guard merged.tags.count <= maximumTags else {
            throw context.error(.tooLarge, "there are more than \(maximumTags) tags")
        }
        return isNew
    }

    private func page(at address: HTTPURL) async throws -> HubPage? { try await hub.page(at: address, context.part()) }

    /// The pages after the first, fetched side by side, where the first tells how many there are.
    ///
    /// Tags that are pushed or deleted meanwhile shift rows from page to page: unless all pages fit together without a
    /// gap and a repetition, none of them counts.
    ///
    /// - Returns: `nil` when they must be followed one by one.
    private func numberedPages(after page: HubPage) async throws -> [HubPage]? {
        let most = min(maximumTags, Self.pageSize * Self.maximumPages)
        guard let count = page.count, count > Self.pageSize, count <= most, page.rowCount == Self.pageSize,
            let second = try next(of: page),
            let numbering = PageNumbering(second: second)
        else { return nil }
        let last = Int((count + Int64(Self.pageSize) - 1) / Int64(Self.pageSize))
        guard last > 2,
            let pages = try await fetch(
                2...last,
                numbering,
                where: { number, page in
                    let isLast = number == last
                    return try page.count == count
                        && (isLast ? page.rowCount <= Self.pageSize : page.rowCount == Self.pageSize)
                        && next(of: page) == (isLast ? nil : numbering.address(of: number + 1))
                }
            )
        else { return nil }
        let names = Set((page.tags + pages.flatMap(\.tags)).map(\.name))
        let dropped = pages.reduce(page.dropped) { $0 + $1.dropped }
        return Int64(names.count + dropped) == count ? pages : nil
    }

    /// - Returns: `nil` when one of them is not there, or does not fit; such a one is not held until all have come.
    private func fetch(
        _ numbers: ClosedRange<Int>,
        _ numbering: PageNumbering,
        where fits: @escaping @Sendable (Int, HubPage) throws -> Bool
    ) async throws -> [HubPage]? {
        let pages = try await numbers.map(limit: Self.parallelism) { number -> HubPage? in
            let page = try await page(at: numbering.address(of: number))
            return try page.flatMap { try fits(number, $0) ? $0 : nil }
        }
        return pages.contains { $0 == nil } ? nil : pages.compactMap(\.self)
    }

    private func follow(_ page: HubPage, into merged: inout MergedTags) async throws {
        var page = page
        var visited: Set<HTTPURL> = [first]
        while let address = try next(of: page) {
            guard visited.insert(address).inserted, visited.count <= Self.maximumPages else {
                throw context.error(.protocolViolation, "the pages of Docker Hub's API do not end")
            }
            guard let following = try await self.page(at: address) else {
                throw context.error(.notFound, "Docker Hub's API lacks a page of its own list", status: 404)
            }
            guard try add(following, to: &merged) || following.next == nil else {
                throw context.error(.protocolViolation, "the pages of Docker Hub's API bring nothing new")
            }
            page = following
        }
    }

    /// Where the next page is: nowhere but in the same list of the same API, whatever place it names beside its query.
    ///
    /// A proxy before Docker Hub's API may hand on what that says of itself.
    private func next(of page: HubPage) throws(RegistryError) -> HTTPURL? {
        guard let text = page.next else { return nil }
        guard let address = first.resolving(text.drop { $0 != "?" }) else {
            throw context.error(.protocolViolation, "Docker Hub's API says that the next page is at no address")
        }
        return address
    }
}

/// The tags of all pages, each once.
private struct MergedTags {
    private(set) var tags: [ListedTag] = []
    private(set) var dropped = 0
    /// All rows, also repetitions: what is pushed meanwhile shifts rows to the next page.
    private(set) var rows = 0
    /// How many there are by the page that was read last, as tags may be deleted meanwhile.
    private(set) var claimed: Int64?
    private var seen: Set<TagName> = []

    /// Whether the pages ended before the list did.
    var isCutShort: Bool { Int64(rows) < claimed ?? 0 }

    /// - Returns: whether the page brought anything new.
    mutating func add(_ page: HubPage) -> Bool {
        let before = tags.count
        tags += page.tags.filter { seen.insert($0.name).inserted }
        dropped += page.dropped
        rows += page.rowCount
        claimed = page.count ?? claimed
        return tags.count > before
    }
}

/// How the addresses of numbered pages are made from that of the second.
private struct PageNumbering {
    private let second: HTTPURL
    private let items: [Substring]

    /// - Returns: `nil` when the second page's address does not say that it is the second of pages of our size.
    init?(second: HTTPURL) {
        items = (second.query ?? "").split(separator: "&", omittingEmptySubsequences: false)
        guard items.count(where: { $0.hasPrefix("page=") }) == 1, items.contains("page=2"),
            items.contains("page_size=\(HubListing.pageSize)")
        else { return nil }
        self.second = second
    }

    func address(of number: Int) -> HTTPURL {
        let query = items.map { $0 == "page=2" ? "page=\(number)" : String($0) }.joined(separator: "&")
        return HTTPURL(origin: second.origin, path: second.path, query: query)
    }
}
