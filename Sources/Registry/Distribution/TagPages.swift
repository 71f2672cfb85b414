import Logging
import NIOHTTP1
import OCI

/// The pages of one listing of tags: what has come, and what to ask for next.
///
/// Registries page in ways of their own. Where the next page is said to be at another place, its query is asked at the
/// place of this list; where that brings no page that is new, the list is asked for once more without a page size, which
/// gives all of it. Nothing is asked of another origin.
struct TagPages {
    static let pageLimit = 16 << 20
    /// What may be meant for the page size alone.
    private static let refusals = Set((400..<600).filter { RegistryError.isLasting($0) }).subtracting([401, 403, 500])
    private static let maximumPages = 10_000
    /// How many tags one repository may have.
    static let maximumTags = 1_000_000

    /// Where a page is: the beginning of the list, with or without a page size, or an address.
    enum Place: Hashable {
        case sized
        case whole
        case page(HTTPURL)

        var query: String? { self == .sized ? "n=1000" : nil }

        var url: HTTPURL? { if case .page(let url) = self { url } else { nil } }
    }

    private(set) var tags: [TagName] = []
    private(set) var dropped = 0
    private(set) var next: Place? = .sized
    private let context: CallContext
    private var seen: Set<TagName> = []
    private var visited: Set<HTTPURL> = []
    private var hasAskedWhole = false
    /// Whether a page without names was the last that led on.
    private var hasEnded = false

    init(_ context: CallContext) {
        self.context = context
    }

    /// Only the beginning of a list may be missing, and only a page size refused.
    var accepted: Set<Int> {
        switch next {
        case .sized: Self.refusals.union([200])
        case .whole: [200, 404]
        case .page: [200, 404]
        case nil: [200]
        }
    }

    mutating func take(_ response: HTTPResponse) throws(RegistryError) {
        let place = next
        if response.status != 200 { return askWhole() }
        guard !response.isCut else { throw context.error(.tooLarge, "a page of tags has more than 16 MiB") }
        let before = tags.count + dropped
        let count = try read(response)
        let isKnown = count > 0 && tags.count + dropped == before && place != .whole
        next = nil
        guard tags.count <= Self.maximumTags else {
            throw context.error(.tooLarge, "there are more than \(Self.maximumTags) tags")
        }
        visited.insert(response.url)
        guard let following = try response.nextPage(context) else { return }
        guard isKnown || visited.contains(following) else {
            guard visited.count < Self.maximumPages else {
                throw context.error(.protocolViolation, "the pages of tags do not end")
            }
            next = .page(following)
            return
        }
        guard hasAskedWhole else {
            hasEnded = count == 0
            return askWhole()
        }
        // Some name a next page on each: there was an empty one, and the whole list has nothing that was not there before.
        guard hasEnded, tags.count + dropped == before else {
            throw context.error(.protocolViolation, "the pages of tags do not end")
        }
    }

    /// Asks for page after page, or for the first alone; `nil` when the repository is not there.
    static func list(of repository: Repository, isWhole: Bool) async throws -> FirstTags? {
        let context = repository.context(.listTags)
        var pages = TagPages(context)
        while let place = pages.next {
            var request = repository.request(context, .GET, "tags/list", query: place.query)
            if let url = place.url { request.target = .url(url) }
            request.headers = ["Accept": "application/json"]
            request.limit = pageLimit
            request.accepted = pages.accepted
            let status = try await repository.client.retry.run(context) { [request] in
                let response = try await repository.client.attempt(request)
                if response.status != 404 {
                    try pages.take(response)
                } else if place.url != nil {
                    throw context.error(.unsupported, "a page of the list is missing", status: 404)
                } else if repository.access == .push, !response.saysErrors {
                    // Who knows no such list says so as well, in other words than a registry's.
                    throw context.error(.unsupported, RegistryError.statusAlone(404), status: 404)
                }
                return response.status
            }
            if status == 404 { return nil }
            if !isWhole, status == 200 { break }
        }
        if pages.dropped > 0 {
            repository.client.retry.logger.warning(
                "names that are not tags are left out",
                metadata: ["place": "\(repository.place)", "count": "\(pages.dropped)"]
            )
        }
        return FirstTags(pages.tags, areAll: pages.next == nil)
    }

    private mutating func askWhole() {
        hasAskedWhole = true
        next = .whole
    }

    /// - Returns: how many names the page has.
    private mutating func read(_ response: HTTPResponse) throws(RegistryError) -> Int {
        let root = try? JSONValue(parsing: response.bytes)
        let value = root?.members?.first { $0.key == "tags" }?.value
        // Some leave the list out where there is none, or all of it; an object about something else is no list.
        let isNothing = root.map { $0.isNull || $0.members?.isEmpty == true || $0["name"]?.string != nil } ?? false
        let isEmpty = value?.isNull ?? isNothing
        guard isEmpty || value?.elements != nil else {
            throw context.notUnderstood(response, "the answer is not a list of tags")
        }
        let elements = value?.elements ?? []
        for element in elements {
            guard let text = element.string, let tag = try? TagName(text) else {
                dropped += 1
                continue
            }
            if seen.insert(tag).inserted { tags.append(tag) }
        }
        return elements.count
    }
}
