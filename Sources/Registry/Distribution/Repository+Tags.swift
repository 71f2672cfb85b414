import Logging
import NIOHTTP1
package import OCI

/// What a registry answers when it is asked for a repository's tags.
package enum TagListing: Hashable, Sendable {
    /// There is no such repository. Not an error: a target's is often made by the first push.
    case missing
    /// The tags in the registry's order, each once.
    case found([TagName])
}

extension Repository {
    /// All tags of the repository.
    ///
    /// OCI distribution-spec 1.1.1, end-8a and end-8b. A page that fails fails the whole: a listing that was cut short
    /// would look like one whose tags have been deleted. Names that are no tags are dropped, with one warning.
    package func tags() async throws -> TagListing {
        var pages = TagPages(first: call(.listTags, .GET, "tags/list", query: "n=1000"))
        while let call = pages.nextCall {
            let answer = try await connection.fetch(call, accepting: pages.isFirst ? [200, 404] : [200])
            if answer.status == 404 { return .missing }
            try pages.take(answer)
        }
        if pages.dropped > 0 {
            connection.retrier.logger.warning(
                "names that are not tags are left out",
                metadata: ["place": "\(place)", "count": "\(pages.dropped)"]
            )
        }
        return .found(pages.tags)
    }
}

/// The pages of one listing.
private struct TagPages {
    private static let maximumPages = 10_000
    private static let maximumTags = 1_000_000
    private static let pageLimit = 16 << 20

    private(set) var tags: [TagName] = []
    private(set) var dropped = 0
    private(set) var nextCall: Call?
    private var seen: Set<TagName> = []
    private var visited: Set<HTTPURL> = []

    var isFirst: Bool { visited.isEmpty }

    init(first: Call) {
        var call = first
        call.limit = Self.pageLimit
        call.headers = ["Accept": "application/json"]
        nextCall = call
    }

    mutating func take(_ answer: Answer) throws(RegistryError) {
        guard let call = nextCall else { return }
        nextCall = nil
        let context = call.context
        guard !answer.isCut else { throw context.error(.tooLarge, "a page of tags has more than 16 MiB") }
        try read(answer, context)
        guard tags.count <= Self.maximumTags else {
            throw context.error(.tooLarge, "there are more than \(Self.maximumTags) tags")
        }
        visited.insert(answer.address)
        guard let link = LinkHeader.next(in: answer.headers["Link"]) else { return }
        guard let next = answer.address.resolving(link), next.origin == answer.address.origin,
            next.path == answer.address.path
        else {
            throw context.error(.protocolViolation, "the next page of tags is said to be at another place")
        }
        guard !visited.contains(next), visited.count < Self.maximumPages else {
            throw context.error(.protocolViolation, "the pages of tags do not end")
        }
        var following = call
        following.target = .address(next)
        nextCall = following
    }

    private mutating func read(_ answer: Answer, _ context: CallContext) throws(RegistryError) {
        guard let root = try? JSONValue(parsing: answer.body),
            let value = root.members?.first(where: { $0.key == "tags" })?.value, value.isNull || value.elements != nil
        else {
            var error = context.error(.protocolViolation, "the answer is not a list of tags", status: answer.status)
            error.isRetriedOnce = true
            throw error
        }
        for element in value.elements ?? [] {
            guard let text = element.string, let tag = try? TagName(text) else {
                dropped += 1
                continue
            }
            if seen.insert(tag).inserted { tags.append(tag) }
        }
    }
}
