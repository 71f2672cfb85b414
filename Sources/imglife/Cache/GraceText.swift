import Cache
import OCI

/// What nothing needs any more and is still there, as people read it.
struct GraceText {
    private let kept: RecentGarbage
    private let until: Int64

    /// - Returns: `nil` when there is nothing.
    init?(_ kept: RecentGarbage) {
        guard let until = kept.until else { return nil }
        self.kept = kept
        self.until = until
    }

    /// A line with its end; a collection says it without telling how a collection is begun.
    func line(isAboutCollection: Bool) -> String {
        let blobs = "\(kept.blobs) \(kept.blobs == 1 ? "blob" : "blobs"), \(ByteCount(kept.bytes))"
        let command = isAboutCollection ? "" : "'imglife cache gc' removes them then; "
        let verb = kept.blobs == 1 ? "is" : "are"
        return "\(blobs), \(verb) not needed and kept until \(Timestamp(secondsSince1970: until)), because "
            + "\(kept.blobs == 1 ? "it was" : "they were") used lately; "
            + command + "'--grace 0s' removes \(kept.blobs == 1 ? "it" : "them") at once\n"
    }
}

/// The same in JSON.
struct GraceDocument: Encodable {
    let blobs: Int
    let bytes: Int64
    /// Left out when there is nothing.
    let until: Int64?

    init(_ kept: RecentGarbage) {
        (blobs, bytes, until) = (kept.blobs, kept.bytes, kept.until)
    }
}
