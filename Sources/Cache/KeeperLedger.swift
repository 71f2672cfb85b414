import FoundationEssentials
import GRDB
import OCI

/// Finds what nothing keeps, by taking away one keeper after the other, without reading what stays.
struct KeeperLedger {
    /// What stays although no manifest keeps it.
    enum Protection {
        /// Names alone.
        case tags
        /// Names, what is leased, and what was used after the cutoff, in seconds since 1970.
        case collecting(cutoff: Int64)
    }

    private let db: Database
    private let protection: Protection
    /// How many of a blob's keepers are gone.
    private var gone: [Data: Int] = [:]
    /// Images whose names are taken away.
    private var unnamed: Set<Data> = []

    init(_ db: Database, _ protection: Protection) {
        self.db = db
        self.protection = protection
    }

    private struct Blob {
        let node: ReferenceGraph.Node
        let keepers: Int
    }

    /// Takes away all that nothing keeps.
    ///
    /// - Returns: keepers first.
    mutating func removeGarbage() throws -> [ReferenceGraph.Node] {
        let roots = try Data.fetchAll(
            db,
            sql: """
                SELECT digest FROM blobs
                WHERE keepers = 0 AND NOT EXISTS (SELECT 1 FROM names WHERE names.digest = blobs.digest)
                """
        )
        return try remove(roots)
    }

    /// Takes an image's names away, and all that nothing keeps then.
    mutating func remove(named key: Data) throws -> [ReferenceGraph.Node] {
        unnamed.insert(key)
        return try remove([key])
    }

    /// Whether an image has no keeper left but its names.
    func isKeptByNamesAlone(_ key: Data) throws -> Bool {
        guard let blob = try blob(key) else { return false }
        return try gone[key, default: 0] == blob.keepers && !isLeased(key)
    }

    /// Whether nothing refers to a file that the index does not know.
    func isGarbage(_ stray: StoredFile, cutoff: Int64) throws -> Bool {
        let isReferred = try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM edges WHERE child = ?)"),
            arguments: [stray.digest.key]
        )
        return try stray.modifiedAt <= cutoff && isReferred == false && !isLeased(stray.digest.key)
    }

    private mutating func remove(_ roots: [Data]) throws -> [ReferenceGraph.Node] {
        var removed: [ReferenceGraph.Node] = []
        var open = roots
        while let key = open.popLast() {
            guard let blob = try blob(key), try !isProtected(key, blob.node) else { continue }
            removed.append(blob.node)
            for child in try kept(by: key) {
                gone[child, default: 0] += 1
                if try self.blob(child)?.keepers == gone[child] { open.append(child) }
            }
        }
        return removed
    }

    private func isProtected(_ key: Data, _ node: ReferenceGraph.Node) throws -> Bool {
        if !unnamed.contains(key), try isNamed(key) { return true }
        guard case .collecting(let cutoff) = protection else { return false }
        return try node.lastUse > cutoff || isLeased(key)
    }

    private func isNamed(_ key: Data) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM names WHERE digest = ?)")
        return try Bool.fetchOne(statement, arguments: [key]) == true
    }

    /// Whether a running command, or a set of volumes that is not complete, needs it.
    private func isLeased(_ key: Data) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT EXISTS (SELECT 1 FROM lease_items WHERE digest = ?1)
                    OR EXISTS (SELECT 1 FROM import_items WHERE digest = ?1)
                """
        )
        return try Bool.fetchOne(statement, arguments: [key]) == true
    }

    private func blob(_ key: Data) throws -> Blob? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT size, state <> 'missing' AS is_on_disk, max(committed_at, used_at) AS last_use, keepers
                FROM blobs WHERE digest = ?
                """
        )
        guard let digest = Digest(key: key), let row = try Row.fetchOne(statement, arguments: [key]) else { return nil }
        let isOnDisk: Bool = row["is_on_disk"]
        let size: Int64 = row["size"]
        let node = ReferenceGraph.Node(
            digest: digest,
            size: isOnDisk ? size : 0,
            lastUse: row["last_use"],
            isOnDisk: isOnDisk
        )
        return Blob(node: node, keepers: row["keepers"])
    }

    /// What a manifest keeps, as often as it refers to it.
    private func kept(by key: Data) throws -> [Data] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT child FROM edges WHERE parent = ?1 AND kind <> 'subject'
                UNION ALL
                SELECT parent FROM edges WHERE child = ?1 AND kind = 'subject'
                """
        )
        return try Data.fetchAll(statement, arguments: [key])
    }
}
