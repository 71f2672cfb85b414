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

/// The bytes of one copy while it goes on: what passed before it failed counts too.
final class ByteCounter: Sendable {
    private let bytes = Mutex(ByteTally())

    func add(_ more: ByteTally) { bytes.withLock { $0 += more } }

    var total: ByteTally { bytes.withLock(\.self) }
}
