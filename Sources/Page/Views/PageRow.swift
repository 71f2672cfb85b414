import Cache
import OCI

extension PageView.Row {
    /// - Parameters:
    ///   - image: what the row tells about.
    ///   - tags: those of its tags that are shown.
    ///   - repository: whose image it is.
    ///   - context: what rows of a page have in common.
    init(
        _ image: PageSnapshot.Image,
        _ tags: ArraySlice<TagName>,
        of repository: PageSnapshot.Repository,
        _ context: PageRowContext
    ) {
        let details = context.details[image.digest] ?? ImageDetails()
        let place = "docker pull \(context.address)/\(repository.name)"
        self.tags = tags.map { tag in
            PageView.Tag(
                tag: tag.description,
                tagLink: PageQuery.link(to: tag.description, of: repository.name),
                pull: "\(place):\(tag)"
            )
        }
        untagged = image.tags.isEmpty
        isIncomplete = context.incomplete.contains(image.digest)
        digestPull = "\(place)@\(image.digest)"
        digestLink = PageQuery.link(to: image.digest.description, of: repository.name)
        cutDigest = image.digest.short
        wholeDigest = image.digest.description
        platforms = details.platforms.prefix(Self.mostPlatforms).map { "\($0)".displaySafe(limit: 64) }
        let alone = context.bytesAlone[image.digest] ?? 0
        own = "\(ByteCount(alone))"
        shared = "\(ByteCount(max(0, image.bytes - alone)))"
        use = PageView.Moment(PageTime(image.lastUse, now: context.now))
        built = details.created.flatMap(PageTime.day)
        end = image.tags.prefix(Self.mostTagsAsked).lazy
            .compactMap { context.support(repository.reference, $0) }.first.map(PageView.End.init)
    }

    /// An index may name any number of platforms; real ones name about ten.
    private static let mostPlatforms = 16
    private static let mostTagsAsked = 16
}

/// What the rows of a page have in common.
struct PageRowContext {
    let address: PullAddress
    let details: [Digest: ImageDetails]
    /// What nothing else needs of each image.
    let bytesAlone: [Digest: Int64]
    /// Images of which something is not here.
    let incomplete: Set<Digest>
    let support: PageSource.Support
    /// In seconds since 1970.
    let now: Int64
}

extension PageView.End {
    init(_ end: SupportEnd) {
        let date = end.date.map { " \($0.displaySafe)" } ?? ""
        switch end.standing {
        case .ended: (standing, words) = ("ended", "ended\(date)")
        case .endsSoon: (standing, words) = ("soon", "ends\(date.isEmpty ? " soon" : date)")
        case .supported: (standing, words) = ("supported", date.isEmpty ? "supported" : "until\(date)")
        }
    }
}
