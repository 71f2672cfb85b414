import FoundationEssentials
import GRDB
import OCI

/// What a collection would remove, decided on the index at one moment; what it is in figures, not blob by blob.
struct CollectionPlan: Sendable {
    /// How much goes.
    struct Tally: Sendable {
        var blobs = 0
        /// In bytes.
        var bytes: Int64 = 0

        mutating func count(_ node: ReferenceGraph.Node) {
            blobs += 1
            bytes += node.size
        }
    }

    /// Files that the index does not know and nothing needs.
    private(set) var strays: [StoredFile] = []
    /// What nothing keeps, the strays included.
    private(set) var garbage = Tally()
    /// The images that make room, the least recently used first.
    private(set) var evictions: [EvictionCandidate] = []
    /// What nothing else keeps of the images that make room.
    private(set) var evicted = Tally()
    /// All that there is now.
    let totalBytes: Int64

    /// What is left afterwards.
    var remainingBytes: Int64 { totalBytes - garbage.bytes - evicted.bytes }

    /// Decides: what was used after `cutoff` (seconds since 1970) stays with all that it keeps, and images go where
    /// there is a limit in bytes and it is exceeded.
    ///
    /// Reads what is removed and its neighbours; and all tags, where images have to go. Strays are files that the index
    /// does not know.
    init(_ db: Database, strays: [StoredFile], cutoff: Int64, _ options: CollectionOptions) throws {
        var ledger = KeeperLedger(db, .collecting(cutoff: cutoff))
        var garbage = Tally()
        for stray in strays where try ledger.isGarbage(stray, cutoff: cutoff) {
            self.strays.append(stray)
            garbage.count(stray.node)
        }
        try ledger.removeGarbage { garbage.count($0) }
        self.garbage = garbage
        totalBytes = try strays.reduce(Int64.fetchOne(db, sql: "SELECT bytes FROM totals") ?? 0) { $0 + $1.size }
        guard let maximumSize = options.maximumSize else { return }
        let reserved = try Int64.fetchOne(db, sql: "SELECT coalesce(sum(bytes), 0) FROM reservations") ?? 0
        let quota = Quota(maximumSize)
        let used = totalBytes - garbage.bytes + reserved
        guard quota.isExceeded(by: used) else { return }
        let candidates = try EvictionCandidate.all(db, cutoff: cutoff, pins: options.pins)
        (evictions, evicted) = try ledger.evict(candidates, excess: used - quota.target)
    }
}

/// A limit on the cache's size with room below it, so that not every run has to remove something.
struct Quota: Sendable {
    let limit: Int64

    init(_ limit: Int64) { self.limit = limit }

    /// Beyond 90 % of the limit something is removed.
    func isExceeded(by bytes: Int64) -> Bool { Double(bytes) > Double(limit) * 0.9 }

    /// Until 80 % of it are left.
    var target: Int64 { Int64(Double(limit) * 0.8) }
}

extension KeeperLedger {
    /// Removes images in order until so many bytes are free, or none is left that may be removed.
    ///
    /// One that something else keeps, an index its child for instance, is looked at again when that is gone.
    fileprivate mutating func evict(
        _ candidates: [EvictionCandidate],
        excess: Int64
    ) throws -> ([EvictionCandidate], CollectionPlan.Tally) {
        var evictions: [EvictionCandidate] = []
        var freed = CollectionPlan.Tally()
        var waiting = candidates
        var isDone = false
        while !isDone {
            isDone = true
            var rest: [EvictionCandidate] = []
            for (position, image) in waiting.enumerated() {
                guard freed.bytes < excess else {
                    rest += waiting[position...]
                    break
                }
                guard try isKeptByNamesAlone(image.key) else {
                    rest.append(image)
                    continue
                }
                try remove(named: image.key) { freed.count($0) }
                evictions.append(image)
                isDone = false
            }
            waiting = rest
        }
        return (evictions, freed)
    }
}
