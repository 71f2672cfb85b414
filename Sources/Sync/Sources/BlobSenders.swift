import Concurrency
import OCI
import Synchronization

/// Which mirrors have sent bytes of a blob that led to nothing.
final class BlobSenders: Sendable {
    private struct Record {
        /// Who has sent bytes of a blob since it was last read from its beginning, of which nobody has said that they are right,
        /// and whether to its end.
        var senders: [RepositoryReference: Bool] = [:]
        /// Whose bytes of a blob led to nothing, so that it had to be read from its beginning again.
        var rejected: Set<RepositoryReference> = []
        /// When anything was last added.
        var time = Duration.zero
    }

    /// Of more blobs than that those are forgotten that nothing was heard of for longest.
    private static let capacity = 4096

    private let timer: Timer
    /// How long anything is remembered, as who serves for months must forget; `nil` for ever.
    private let lifetime: Duration?
    private let records = Mutex<[Digest: Record]>([:])

    init(timer: Timer, lifetime: Duration?) {
        self.timer = timer
        self.lifetime = lifetime
    }

    /// Somebody has sent bytes of a blob, and sends no more of them.
    func sent(_ digest: Digest, _ mirror: RepositoryReference, toItsEnd isWhole: Bool = true) {
        let now = timer.now()
        records.withLock { records in
            if records[digest] == nil, records.count >= Self.capacity { Self.makeRoom(in: &records) }
            records[digest, default: Record()].senders[mirror] = isWhole
            records[digest]?.time = now
        }
    }

    private static func makeRoom(in records: inout [Digest: Record]) {
        let kept = records.sorted { $0.value.time > $1.value.time }.prefix(capacity / 2)
        records = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }

    /// A blob is read from its beginning: who sent bytes of it before did not send the right ones.
    ///
    /// - Parameters:
    ///   - digest: the blob.
    ///   - blame: is told each of them.
    /// - Returns: the mirrors that are not to be asked for it any more.
    func begin(
        _ digest: Digest,
        blaming blame: (RepositoryReference) -> Void = { _ in }
    ) -> Set<RepositoryReference> {
        let now = timer.now()
        let (rejected, senders) = records.withLock { records -> (Set<RepositoryReference>, [RepositoryReference]) in
            guard var record = records[digest] else { return ([], []) }
            if let lifetime, now - record.time > lifetime {
                records[digest] = nil
                return ([], [])
            }
            let senders = Array(record.senders.keys)
            if !senders.isEmpty { record.time = now }
            record.senders = [:]
            record.rejected.formUnion(senders)
            records[digest] = record
            return (record.rejected, senders)
        }
        senders.forEach(blame)
        return rejected
    }

    /// All bytes of a blob were right.
    ///
    /// - Returns: who has sent them to its end.
    func wereRight(_ digest: Digest) -> [RepositoryReference] {
        let senders = records.withLock { records in
            let senders = records[digest]?.senders ?? [:]
            records[digest]?.senders = [:]
            if records[digest]?.rejected.isEmpty == true { records[digest] = nil }
            return senders
        }
        return senders.filter(\.value).map(\.key)
    }

    /// The mirrors that are not to be asked for a blob any more, also where it is read on.
    func rejected(_ digest: Digest) -> Set<RepositoryReference> { records.withLock { $0[digest]?.rejected ?? [] } }

    /// Whether a mirror sent bytes of the blob since it was last read from its beginning.
    func hasSender(of digest: Digest) -> Bool {
        records.withLock { $0[digest]?.senders.isEmpty == false }
    }
}
