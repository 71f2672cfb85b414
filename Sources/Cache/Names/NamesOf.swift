import GRDB
import OCI

/// Names as people write them.
enum NamesOf {
    /// Those of a manifest, sorted by repository and name.
    static func manifest(_ db: Database, _ digest: Digest) throws -> [ImageReference] {
        try read(
            db,
            "SELECT host, repository, reference FROM names WHERE digest = ? ORDER BY host, repository, reference",
            digest
        )
    }

    /// Those of a manifest that are listed: without tags that stand for something newer.
    static func listed(_ db: Database, _ digest: Digest) throws -> [ImageReference] {
        try read(
            db,
            """
            SELECT host, repository, reference FROM names WHERE digest = ? AND \(NameRows.isNewest)
            ORDER BY host, repository, reference
            """,
            digest
        )
    }

    /// Those of all images that a blob belongs to, sorted by repository and name.
    static func images(_ db: Database, needing digest: Digest) throws -> [ImageReference] {
        try read(
            db,
            """
            \(References.keepers(of: "?1"))
            SELECT DISTINCT host, repository, reference FROM keepers JOIN names USING (digest)
            ORDER BY host, repository, reference
            """,
            digest
        )
    }

    private static func read(_ db: Database, _ sql: String, _ digest: Digest) throws -> [ImageReference] {
        try ImageReference.fetchAll(db.cachedStatement(sql: sql), arguments: [digest])
    }
}
