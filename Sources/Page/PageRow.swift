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
        self.tags = tags.map { PageView.Tag(tag: $0.description, pull: "\(place):\($0)") }
        furtherTags = tags.endIndex < image.tags.endIndex ? "and \(image.tags.endIndex - tags.endIndex) more" : nil
        untagged = image.tags.isEmpty
        digestPull = "\(place)@\(image.digest)"
        cutDigest = image.digest.short
        wholeDigest = image.digest.description
        platforms = details.platforms.prefix(Self.mostPlatforms).map { "\($0)".displaySafe(limit: 64) }
        own = "\(ByteCount(image.uniqueBytes))"
        shared = "\(ByteCount(image.sharedBytes))"
        use = PageView.Moment(PageTime(image.lastUse, now: context.now))
        built = details.created.flatMap(Self.day)
        end = image.tags.prefix(Self.mostTagsAsked).lazy
            .compactMap { context.support(repository.reference, $0) }.first.map(PageView.End.init)
    }

    /// An index may name any number of platforms; real ones name about ten.
    private static let mostPlatforms = 16
    private static let mostTagsAsked = 16

    /// The day of a time such as `2026-03-01T12:00:00Z`.
    ///
    /// - Returns: `nil` for text that is no such time, and for the times that reproducible builds write.
    private static func day(_ text: String) -> String? {
        let day = text.utf8.prefix(10)
        let isDay = zip(day, "0000-00-00".utf8).allSatisfy { byte, pattern in
            pattern == UInt8(ascii: "-") ? byte == pattern : (0x30...0x39).contains(byte)
        }
        guard day.count == 10, isDay, let date = String(day), date > "1981" else { return nil }
        return date
    }
}

/// What the rows of a page have in common.
struct PageRowContext {
    let address: PullAddress
    let details: [Digest: ImageDetails]
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
