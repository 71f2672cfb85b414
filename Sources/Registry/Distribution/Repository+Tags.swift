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
        let context = context(.listTags)
        var pages = TagPages(context)
        while let place = pages.next {
            var request = request(context, .GET, "tags/list", query: place.query)
            if let url = place.url { request.target = .url(url) }
            request.headers = ["Accept": "application/json"]
            request.limit = TagPages.pageLimit
            request.accepted = pages.accepted
            let response = try await client.fetch(request)
            if response.status == 404 { return .missing }
            try pages.take(response)
        }
        if pages.dropped > 0 {
            client.retry.logger.warning(
                "names that are not tags are left out",
                metadata: ["place": "\(place)", "count": "\(pages.dropped)"]
            )
        }
        return .found(pages.tags)
    }
}
