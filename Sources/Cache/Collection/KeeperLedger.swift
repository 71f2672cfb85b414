import FoundationEssentials
import GRDB
import OCI

/// Finds what nothing keeps, by taking away one keeper after the other, without reading what stays.
///
/// Its memory is that of what has lost some of its keepers, not of what is removed.
struct KeeperLedger {
    /// What stays although no manifest keeps it.
    enum Protection {
        /// Names alone.
        case tags
        /// Names, what is leased, and what was used after the cutoff, in seconds since 1970.
        case collecting(cutoff: Int64)
    }

    /// Is told of each blob that is taken away, keepers first.
    typealias Visitor = (ReferenceGraph.Node) -> Void

    private let db: Database
    private let protection: Protection
    /// How many of a blob's keepers are gone, where others are left or something else protects it.
    private var gone: [Data: Int] = [:]
    /// Images whose names are taken away.
    private var unnamed: Set<Data> = []

    init(_ db: Database, _ protection: Protection) {
        self.db = db
        self.protection = protection
    }

    /// Takes away all that nothing keeps; with a limit not more than that and the rest of one image.
    mutating func removeGarbage(limit: Int = .max, _ visit: Visitor) throws {
        let roots = try Data.fetchCursor(
            db,
            sql: """
                SELECT digest FROM blobs
                WHERE keepers = 0 AND NOT EXISTS (SELECT 1 FROM names WHERE names.digest = blobs.digest)
                """
        )
        var count = 0
        while count < limit, let key = try roots.next() {
            try remove(key) { node in
                count += 1
                visit(node)
            }
        }
    }

    /// Takes an image's names away, and all that nothing keeps then.
    mutating func remove(named key: Data, _ visit: Visitor) throws {
        unnamed.insert(key)
        try remove(key, visit)
    }

    /// Whether an image has no keeper left but its names.
    func isKeptByNamesAlone(_ key: Data) throws -> Bool {
        guard let blob = try blob(key) else { return false }
        return gone[key, default: 0] == blob.keepers && !blob.isLeased
    }

    /// Whether nothing refers to a file that the index does not know.
    func isGarbage(_ stray: StoredFile, cutoff: Int64) throws -> Bool {
        let isNeeded = try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM edges WHERE child = ?1)
                        OR EXISTS (SELECT 1 FROM lease_items WHERE digest = ?1)
                        OR EXISTS (SELECT 1 FROM import_items WHERE digest = ?1)
                    """
            ),
            arguments: [stray.digest.key]
        )
        return stray.modifiedAt <= cutoff && isNeeded == false
    }

    private mutating func remove(_ root: Data, _ visit: Visitor) throws {
        guard let blob = try blob(root), !isProtected(blob) else { return }
        var open = [blob]
        while let blob = open.popLast() {
            gone[blob.key] = nil
            visit(blob.node)
            guard blob.keeps else { continue }
            for child in try kept(by: blob.key) {
                let count = (gone[child.key] ?? 0) + 1
                if count == child.keepers, !isProtected(child) {
                    open.append(child)
                } else {
                    gone[child.key] = count
                }
            }
        }
    }

    private func isProtected(_ blob: Blob) -> Bool {
        if blob.isNamed, !unnamed.contains(blob.key) { return true }
        guard case .collecting(let cutoff) = protection else { return false }
        return blob.node.lastUse > cutoff || blob.isLeased
    }
}

extension KeeperLedger {
    /// A blob, and all that decides whether it stays.
    private struct Blob {
        let key: Data
        let node: ReferenceGraph.Node
        let keepers: Int
        let isNamed: Bool
        /// Whether a running command, or a set of volumes that is not complete, needs it.
        let isLeased: Bool
        /// Whether it keeps anything itself.
        let keeps: Bool

        /// - Returns: `nil` for a key that is no digest's.
        init?(_ row: Row) {
            guard let digest = Digest(key: row[0]) else { return nil }
            key = row[0]
            let isOnDisk: Bool = row[2]
            let size: Int64 = row[1]
            node = .init(digest: digest, size: isOnDisk ? size : 0, lastUse: row[3], isOnDisk: isOnDisk)
            keepers = row[4]
            isNamed = row[5]
            isLeased = row[6]
            keeps = row[7]
        }
    }

    /// Only manifests have names and keep something: of other blobs the large tables need not be read.
    private static let columns = """
        digest, size, state <> 'missing', max(committed_at, used_at), keepers,
        CASE WHEN manifests.media_type IS NULL THEN 0
            ELSE EXISTS (SELECT 1 FROM names WHERE names.digest = blobs.digest) END,
        EXISTS (SELECT 1 FROM lease_items WHERE lease_items.digest = blobs.digest)
            OR EXISTS (SELECT 1 FROM import_items WHERE import_items.digest = blobs.digest),
        manifests.media_type IS NOT NULL
        """

    private func blob(_ key: Data) throws -> Blob? {
        let statement = try db.cachedStatement(
            sql: "SELECT \(Self.columns) FROM blobs LEFT JOIN manifests USING (digest) WHERE digest = ?"
        )
        return try Row.fetchOne(statement, arguments: [key]).flatMap(Blob.init)
    }

    /// What a manifest keeps, as often as it refers to it.
    private func kept(by key: Data) throws -> [Blob] {
        let statement = try db.cachedStatement(
            sql: """
                WITH kept (digest) AS (
                    SELECT child FROM edges WHERE parent = ?1 AND kind <> 'subject'
                    UNION ALL
                    SELECT parent FROM edges WHERE child = ?1 AND kind = 'subject'
                )
                SELECT \(Self.columns) FROM kept CROSS JOIN blobs USING (digest) LEFT JOIN manifests USING (digest)
                """
        )
        var blobs: [Blob] = []
        let rows = try Row.fetchCursor(statement, arguments: [key])
        while let row = try rows.next() {
            if let blob = Blob(row) { blobs.append(blob) }
        }
        return blobs
    }
}
