import FoundationEssentials
import GRDB
import OCI

/// An image that could make room: all names of one manifest.
struct EvictionCandidate: Sendable {
    let key: Data
    let names: Int
    /// When one of its names changed last, in seconds since 1970.
    let updatedAt: Int64

    /// The images that may go, the least recently used first.
    ///
    /// What a run has just used would be needed again first; evicting it would only free it after the grace.
    static func all(_ db: Database, cutoff: Int64, pins: Set<ImageReference>) throws -> [EvictionCandidate] {
        let pinned = try pinnedKeys(db, pins)
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT digest, count(*), max(updated_at) AS updated, max(committed_at, used_at) AS used
                FROM names JOIN blobs USING (digest) GROUP BY digest
                HAVING max(updated, used) <= ? ORDER BY max(updated, used), digest
                """,
            arguments: [cutoff]
        )
        var candidates: [EvictionCandidate] = []
        while let row = try rows.next() {
            let candidate = EvictionCandidate(key: row[0], names: row[1], updatedAt: row[2])
            if !pinned.contains(candidate.key) { candidates.append(candidate) }
        }
        return candidates
    }

    private static func pinnedKeys(_ db: Database, _ pins: Set<ImageReference>) throws -> Set<Data> {
        let sql = "SELECT digest FROM names WHERE host = ? AND repository = ? AND reference = ?"
        let statement = try db.makeStatement(sql: sql)
        return try pins.reduce(into: []) { keys, pin in
            guard let name = pin.reference?.description else { return }
            let place = [pin.location.host.description, pin.location.repository.description]
            keys.formUnion(try Data.fetchAll(statement, arguments: StatementArguments(place + [name])))
        }
    }

    /// Its names, sorted by repository and name.
    func references(_ db: Database) throws -> [ImageReference] {
        let statement = try db.cachedStatement(
            sql: "SELECT host, repository, reference FROM names WHERE digest = ? ORDER BY host, repository, reference"
        )
        return try ImageReference.fetchAll(statement, arguments: [key])
    }
}

extension CacheIndex {
    /// Removes an image's names, all of them or none, unless a lease keeps it or one was changed meanwhile.
    ///
    /// - Returns: those that were removed.
    func evict(_ image: EvictionCandidate, at now: Int64) throws(CacheError) -> [ImageReference] {
        try write { db in
            let isLeased = try Bool.fetchOne(
                db,
                sql: """
                    \(Self.keepers)
                    SELECT EXISTS (SELECT 1 FROM keepers JOIN lease_items USING (digest))
                        OR EXISTS (SELECT 1 FROM keepers JOIN import_items USING (digest))
                    """,
                arguments: [image.key]
            )
            let current = try Row.fetchOne(
                db,
                sql: "SELECT count(*), max(updated_at) FROM names WHERE digest = ?",
                arguments: [image.key]
            )
            let updatedAt: Int64 = current?[1] ?? .max
            guard isLeased == false, current?[0] == image.names, updatedAt <= image.updatedAt else { return [] }
            let references = try image.references(db)
            for name in references {
                guard let reference = name.reference else { continue }
                _ = try db.names.remove(reference, of: name.location, naming: Digest(key: image.key), at: now)
            }
            return references
        }
    }

    /// What nothing keeps now of an image and of what it kept, keepers first.
    func garbage(from image: EvictionCandidate, cutoff: Int64) throws(CacheError) -> [ReferenceGraph.Node] {
        try read { db in
            var nodes: [ReferenceGraph.Node] = []
            var ledger = KeeperLedger(db, .collecting(cutoff: cutoff))
            guard try ledger.isKeptByNamesAlone(image.key) else { return [] }
            try ledger.remove(named: image.key) { nodes.append($0) }
            return nodes
        }
    }

    /// Some of what nothing keeps, keepers first.
    func garbage(limit: Int, cutoff: Int64) throws(CacheError) -> [ReferenceGraph.Node] {
        try read { db in
            var nodes: [ReferenceGraph.Node] = []
            var ledger = KeeperLedger(db, .collecting(cutoff: cutoff))
            try ledger.removeGarbage(limit: limit) { nodes.append($0) }
            return nodes
        }
    }
}
