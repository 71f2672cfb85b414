import FoundationEssentials
import GRDB
import OCI

extension CacheIndex {
    /// All that a blob is kept by, itself included: manifests that refer to it, and the subjects of those.
    static let keepers = """
        WITH RECURSIVE keepers (digest) AS (
            SELECT ?1
            UNION
            SELECT edges.parent FROM edges JOIN keepers ON edges.child = keepers.digest WHERE edges.kind <> 'subject'
            UNION
            SELECT edges.child FROM edges JOIN keepers ON edges.parent = keepers.digest WHERE edges.kind = 'subject'
        )
        """

    /// Reads everything that decides what is kept, in one transaction.
    ///
    /// Of the blobs on the disk, which were listed before, those without a row become nodes too.
    func graph(files: [StoredFile]) throws(CacheError) -> ReferenceGraph {
        try read { db in
            var graph = ReferenceGraph()
            try Self.addBlobs(db, to: &graph)
            for file in files { graph.add(file.node) }
            let edges = try Row.fetchCursor(db, sql: "SELECT parent, kind = 'subject' AS is_subject, child FROM edges")
            while let row = try edges.next() {
                guard let parent = Digest(key: row["parent"]), let child = Digest(key: row["child"]) else { continue }
                let isSubject: Bool = row["is_subject"]
                graph.add(keeper: isSubject ? child : parent, of: isSubject ? parent : child)
            }
            try Self.addRoots(db, to: &graph)
            return graph
        }
    }

    private static func addBlobs(_ db: Database, to graph: inout ReferenceGraph) throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT digest, CASE state WHEN 'missing' THEN 0 ELSE size END AS size,
                    max(committed_at, used_at) AS last_use, state <> 'missing' AS is_on_disk
                FROM blobs ORDER BY digest
                """
        )
        while let row = try rows.next() {
            guard let digest = Digest(key: row["digest"]) else { continue }
            graph.add(.init(digest: digest, size: row["size"], lastUse: row["last_use"], isOnDisk: row["is_on_disk"]))
        }
    }

    private static func addRoots(_ db: Database, to graph: inout ReferenceGraph) throws {
        let names = try Row.fetchCursor(
            db,
            sql:
                "SELECT host, repository, reference, digest, updated_at FROM names ORDER BY host, repository, reference"
        )
        while let row = try names.next() {
            graph.add(
                try row.decode(Reference.self, forColumn: "reference"),
                of: try RepositoryReference(row: row),
                as: try row.decode(Digest.self, forColumn: "digest"),
                updatedAt: row["updated_at"]
            )
        }
        for key in try Data.fetchAll(db, sql: "SELECT digest FROM import_items") {
            if let digest = Digest(key: key) { graph.add(awaited: digest) }
        }
    }

    /// Begins a blob's deletion, unless something needs it or was used lately that keeps it.
    ///
    /// Only with the lock of the digest's shard. What it refers to as a manifest is forgotten at once.
    ///
    /// - Returns: whether the file is to be removed now.
    func beginDeletion(_ blob: ReferenceGraph.Node, cutoff: Int64) throws(CacheError) -> Bool {
        try write { db in
            let key = blob.digest.key
            let isNeeded = try Bool.fetchOne(
                db,
                sql: """
                    \(Self.keepers)
                    SELECT EXISTS (SELECT 1 FROM keepers JOIN names USING (digest))
                        OR EXISTS (SELECT 1 FROM keepers JOIN lease_items USING (digest))
                        OR EXISTS (SELECT 1 FROM keepers JOIN import_items USING (digest))
                        OR EXISTS (
                            SELECT 1 FROM keepers JOIN blobs USING (digest) WHERE max(committed_at, used_at) > ?2
                        )
                    """,
                arguments: [key, cutoff]
            )
            guard isNeeded == false else { return false }
            try db.execute(
                sql: """
                    INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (?, ?, 'deleting', ?, ?)
                    ON CONFLICT (digest) DO UPDATE SET state = 'deleting'
                    """,
                arguments: [key, blob.size, blob.lastUse, blob.lastUse]
            )
            try db.execute(sql: "DELETE FROM manifests WHERE digest = ?", arguments: [key])
            return true
        }
    }
}
