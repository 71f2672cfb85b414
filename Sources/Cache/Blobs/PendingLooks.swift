import OCI
import Synchronization

/// Blobs that were met by their files alone, which is all that reading and pushing ask of: whether they have rows is
/// looked up later, many at a time, so that no request costs a transaction.
final class PendingLooks: Sendable {
    /// What is met beyond that is met again.
    private static let limit = 10_000

    private let met = Mutex<[Digest: Descriptor]>([:])

    func note(_ blob: Descriptor) {
        met.withLock { met in
            if met.count < Self.limit { met[blob.digest] = blob }
        }
    }

    func take() -> [Descriptor] {
        met.withLock { met in
            defer { met = [:] }
            return Array(met.values)
        }
    }
}
