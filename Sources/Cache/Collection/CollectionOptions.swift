package import OCI

/// What a collection is to do.
package struct CollectionOptions: Sendable {
    /// What was committed or used within this time stays, although nothing refers to it: it may be on its way.
    package static let defaultGrace = Duration.seconds(2 * 3600)

    /// Bytes that the cache may hold; beyond 90 % of it the least recently used images are removed until 80 % are left.
    package var maximumSize: Int64?
    package var grace: Duration
    /// Tags that are not removed, however large the cache is and however long ago they were used.
    package var pins: Set<ImageReference>
    /// Find out everything, remove nothing.
    package var isDryRun: Bool
    /// Remove what nothing names even after names were lost with the index; these are not awaited any more then.
    package var isForced = false

    package init(
        maximumSize: Int64? = nil,
        grace: Duration = defaultGrace,
        pins: Set<ImageReference> = [],
        isDryRun: Bool = false
    ) {
        self.maximumSize = maximumSize
        self.grace = grace
        self.pins = pins
        self.isDryRun = isDryRun
    }
}

/// What a collection removed, or would remove.
package struct CollectionReport: Hashable, Sendable {
    /// Blobs removed; rows whose file was gone already count too.
    package var blobs = 0
    /// Their bytes.
    package var bytes: Int64 = 0
    /// Files of interrupted downloads and imports that were given up.
    package var partials = 0
    package var partialBytes: Int64 = 0
    /// Damaged files that had been put aside, and whose room was wanted.
    package var quarantined = 0
    package var quarantinedBytes: Int64 = 0
    /// The tags that were removed to keep the limit, the least recently used first.
    package var evictedTags: [ImageReference] = []
    /// Bytes of the blobs that are left.
    package var remainingBytes: Int64 = 0
    /// Why something that was to go could not be removed, and stays; `nil` where all could.
    package var refusal: String?

    package init() {}
}

/// How much goes.
struct CollectionTally: Hashable, Sendable {
    var blobs = 0
    /// In bytes.
    var bytes: Int64 = 0

    mutating func count(_ size: Int64) {
        blobs += 1
        bytes += size
    }

    static func += (left: inout CollectionTally, right: CollectionTally) {
        left.blobs += right.blobs
        left.bytes += right.bytes
    }
}
