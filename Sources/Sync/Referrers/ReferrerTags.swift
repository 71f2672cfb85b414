import Concurrency
import OCI
import Registry

/// Which of the tags under which referrers are kept a source has.
enum ReferrerTags: Sendable {
    case listed(Set<TagName>)
    /// The source does not tell: any of them may be there.
    case unlisted
    /// What the source lists is not all that it has: any of them may be there, and of one that is not nothing is known.
    case doubtful

    /// What a source says when it is asked for its tags.
    enum Listing: Sendable {
        case told(Set<TagName>)
        case refused

        /// Those under which referrers are kept, as far as it is known.
        ///
        /// A list that lacks the tag of an image that the source has, or is of nothing at all, is not that of all tags.
        func referrerTags(beside reference: Reference) -> ReferrerTags {
            guard case .told(let tags) = self else { return .unlisted }
            if case .tag(let tag) = reference, !tags.contains(tag) { return .doubtful }
            return tags.isEmpty ? .doubtful : .listed(tags.filter(\.isReferrerTag))
        }
    }

    /// Each source's listing, which serves all of its images in a run.
    typealias Listings = SingleFlight<RepositoryReference, Listing>

    func mayHave(_ tag: TagName) -> Bool { !lacks(tag) }

    /// Whether the source has told its tags, and not this one.
    func lacks(_ tag: TagName) -> Bool { if case .listed(let tags) = self { !tags.contains(tag) } else { false } }

    var isUnlisted: Bool { if case .listed = self { false } else { true } }

    var isDoubtful: Bool { if case .doubtful = self { true } else { false } }

    /// Asks for one of them.
    ///
    /// - Returns: nothing is known of one that nobody lists and that may not be read: some say so of all that is not there.
    /// - Throws: what the source throws otherwise.
    func asking<Answer: Sendable>(_ ask: () async throws -> Answer) async throws -> Knowledge<Answer> {
        do {
            return .known(try await ask())
        } catch let error as RegistryError where isUnlisted && [.forbidden, .unauthorized].contains(error.kind) {
            return .unknown(error)
        }
    }
}

extension CopyJob {
    /// The source's tags under which referrers are kept: from the entry's listing, else from one listing of our own,
    /// which serves all tags of the repository in this run.
    func referrerTags(_ source: any ImageSource, _ known: KnownContent) async throws -> ReferrerTags {
        if let referrerTags { return referrerTags }
        return try await known.referrerTags.tags(of: source, beside: reference)
    }
}

extension ReferrerTags.Listings {
    /// The tags under which referrers are kept, of a source that has an image.
    func tags(of source: any ImageSource, beside reference: Reference) async throws -> ReferrerTags {
        let list = { () async throws -> ReferrerTags.Listing in try await source.tagListing() }
        return try await value(for: source.location, isGood: { _ in true }, fetch: list)
            .referrerTags(beside: reference)
    }
}
