import OCI
import Synchronization

/// Where the bytes of some images came from and went to.
package struct ByteTally: Hashable, Sendable {
    /// Fetched from upstream by this run.
    package var downloaded: Int64 = 0
    /// Read from the cache instead of being fetched.
    package var cached: Int64 = 0
    /// Taken over by the target from another of its repositories.
    package var mounted: Int64 = 0
    /// Sent to the target.
    package var pushed: Int64 = 0

    package init(downloaded: Int64 = 0) { self.downloaded = downloaded }

    package static func += (left: inout ByteTally, right: ByteTally) {
        left.downloaded += right.downloaded
        left.cached += right.cached
        left.mounted += right.mounted
        left.pushed += right.pushed
    }
}

/// What came into the cache before an image was copied: to decide which tags are meant, how they are named, and whether they
/// are up to date.
///
/// It counts for the first copy that needs it, which has not been spared it, and else for the run.
final class EarlyBytes: Sendable {
    private let bytes = Mutex<[Digest: Int64]>([:])

    func add(_ count: Int64, of content: Digest) { bytes.withLock { $0[content, default: 0] += count } }

    /// How much came of something, which is counted elsewhere from now on.
    func take(_ content: Digest) -> Int64 { bytes.withLock { $0.removeValue(forKey: content) ?? 0 } }

    /// What no copy has taken.
    var rest: ByteTally { ByteTally(downloaded: bytes.withLock { $0.values.reduce(0, +) }) }
}

/// The bytes of one copy while it goes on: what passed before it failed counts too.
final class ByteCounter: Sendable {
    private let bytes = Mutex(ByteTally())

    func add(_ more: ByteTally) { bytes.withLock { $0 += more } }

    var total: ByteTally { bytes.withLock(\.self) }
}
