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

    /// A line with its end.
    ///
    /// A collection, of the grace that is given, says it without telling how one is begun, or what was asked for already.
    func line(ofCollectionWithin grace: Duration?) -> String {
        let blobs = "\(kept.blobs) \(kept.blobs == 1 ? "blob" : "blobs"), \(ByteCount(kept.bytes))"
        let (verb, them) = kept.blobs == 1 ? ("is", "it") : ("are", "them")
        let were = kept.blobs == 1 ? "it was" : "they were"
        let beginning = "\(blobs), \(verb) not needed and kept until \(Timestamp(secondsSince1970: until)), because "
        if let grace, grace <= .zero {
            return beginning + "the clock was ahead when \(were) used, or is behind now\n"
        }
        let command = grace == nil ? "'imglife cache gc' removes them then; " : ""
        return beginning + "\(were) used lately; \(command)'--grace 0s' removes \(them) at once\n"
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
