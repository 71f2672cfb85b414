import FoundationEssentials
import GRDB
import OCI

/// What a collection would remove, decided on the index at one moment.
struct CollectionPlan: Sendable {
    /// An image that makes room.
    struct Eviction: Sendable {
        let digest: Digest
        let tags: [ReferenceGraph.Tag]
        /// What nothing else keeps, keepers first.
        let blobs: [ReferenceGraph.Node]
    }

    /// What nothing keeps, keepers first.
    private(set) var garbage: [ReferenceGraph.Node] = []
    /// The least recently used first.
    private(set) var evictions: [Eviction] = []
    /// All that there is now.
    let totalBytes: Int64
    /// What is left afterwards.
    let remainingBytes: Int64

    /// Decides: what was used after `cutoff` (seconds since 1970) stays with all that it keeps, and images go where
    /// there is a limit in bytes and it is exceeded.
    ///
    /// Reads what is removed and its neighbours; and all tags, where images have to go. Strays are files that the index
    /// does not know.
    init(_ db: Database, strays: [StoredFile], cutoff: Int64, _ options: CollectionOptions) throws {
        var ledger = KeeperLedger(db, .collecting(cutoff: cutoff))
        for stray in strays where try ledger.isGarbage(stray, cutoff: cutoff) { garbage.append(stray.node) }
        let strayBytes = strays.reduce(0) { $0 + $1.size }
        garbage += try ledger.removeGarbage()
        totalBytes = (try Int64.fetchOne(db, sql: "SELECT bytes FROM totals") ?? 0) + strayBytes
        let used = totalBytes - garbage.bytes
        if let maximumSize = options.maximumSize {
            let reserved = try Int64.fetchOne(db, sql: "SELECT coalesce(sum(bytes), 0) FROM reservations") ?? 0
            let quota = Quota(maximumSize)
            if quota.isExceeded(by: used + reserved) {
                let candidates = try EvictionCandidate.all(db, cutoff: cutoff, pins: options.pins)
                evictions = try ledger.evict(candidates, excess: used + reserved - quota.target)
            }
        }
        remainingBytes = used - evictions.reduce(0) { $0 + $1.blobs.bytes }
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

extension Sequence<ReferenceGraph.Node> {
    var bytes: Int64 { reduce(0) { $0 + $1.size } }
}

/// An image that could make room: all tags of one manifest.
private struct EvictionCandidate {
    let key: Data
    let digest: Digest
    var tags: [ReferenceGraph.Tag] = []
    /// When it was used, or one of its tags changed, last; seconds since 1970.
    var lastUse: Int64
    var isPinned = false

    /// The images that may go, the least recently used first.
    ///
    /// What a run has just used would be needed again first; evicting it would only free it after the grace.
    static func all(_ db: Database, cutoff: Int64, pins: Set<ImageReference>) throws -> [EvictionCandidate] {
        var images: [Data: EvictionCandidate] = [:]
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT host, repository, reference, digest, updated_at, max(committed_at, used_at) AS last_use
                FROM names JOIN blobs USING (digest) ORDER BY host, repository, reference
                """
        )
        while let row = try rows.next() {
            let key: Data = row["digest"]
            guard let digest = Digest(key: key) else { continue }
            let tag = ReferenceGraph.Tag(
                location: RepositoryReference(
                    host: try RegistryHost(row["host"] as String),
                    repository: try RepositoryName(row["repository"] as String)
                ),
                name: try Reference(name: row["reference"]),
                node: 0,
                updatedAt: row["updated_at"]
            )
            var image = images[key] ?? EvictionCandidate(key: key, digest: digest, lastUse: row["last_use"])
            image.tags.append(tag)
            image.lastUse = max(image.lastUse, tag.updatedAt)
            image.isPinned = image.isPinned || pins.contains(tag.reference)
            images[key] = image
        }
        return images.values.filter { !$0.isPinned && $0.lastUse <= cutoff }
            .sorted { ($0.lastUse, $0.digest) < ($1.lastUse, $1.digest) }
    }
}

extension KeeperLedger {
    /// Removes images in order until so many bytes are free, or none is left that may be removed.
    ///
    /// One that something else keeps, an index its child for instance, is looked at again when that is gone.
    fileprivate mutating func evict(
        _ candidates: [EvictionCandidate],
        excess: Int64
    ) throws -> [CollectionPlan.Eviction] {
        var evictions: [CollectionPlan.Eviction] = []
        var waiting = candidates
        var freed: Int64 = 0
        var isDone = false
        while !isDone {
            isDone = true
            var rest: [EvictionCandidate] = []
            for (position, image) in waiting.enumerated() {
                guard freed < excess else {
                    rest += waiting[position...]
                    break
                }
                guard try isKeptByNamesAlone(image.key) else {
                    rest.append(image)
                    continue
                }
                let blobs = try remove(named: image.key)
                freed += blobs.bytes
                evictions.append(CollectionPlan.Eviction(digest: image.digest, tags: image.tags, blobs: blobs))
                isDone = false
            }
            waiting = rest
        }
        return evictions
    }
}
