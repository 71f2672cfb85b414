import GRDB
import OCI

/// What keeps what in the cache: the one model of it.
///
/// A manifest keeps its children, its config and its layers, and a subject what repositories list as referring to it; a
/// referrer does not keep its subject. What is not recorded keeps nothing. A blob stays when something that is protected
/// leads to it.
///
/// Triggers count the references to each blob (`blobs.keepers`), so that what nothing keeps is found without reading
/// what stays. A count of none decides; one above it need not: containing leads from a hash to what was hashed and so
/// never in a circle, but a list of referrers leads the other way, or wherever an upstream says. An index whose subject is its own child keeps it and
/// is kept by it. Whether such a circle hangs on something that stays, ``KeeperSearch`` finds out.
enum References {
    /// What stays although no manifest keeps it.
    enum Protection: Sendable {
        /// What has a name.
        case named
        /// Also what volumes have brought whose set is not complete.
        case lasting
        /// Also what a lease holds, and what was used recently.
        case collecting(RecentUse)
    }

    /// A blob, and all that decides whether it stays.
    struct Blob: Sendable {
        let digest: Digest
        /// Bytes on the disk; none where the file is known to be missing.
        let size: Int64
        /// When it was committed or used last, in seconds since 1970.
        let lastUse: Int64
        /// The references that keep it.
        let count: Int
        let isNamed: Bool
        let isLeased: Bool
        let isAwaited: Bool
        /// Whether it keeps anything itself.
        let keeps: Bool

        fileprivate init(_ row: Row) throws {
            digest = try row.decode(Digest.self, atIndex: 0)
            size = row[1]
            lastUse = row[2]
            count = row[3]
            isNamed = row[4]
            isLeased = row[5]
            isAwaited = row[6]
            keeps = row[7]
        }

        /// Whether it stays for its own sake; the names of images in `unnamed` don't count.
        func isProtected(_ protection: Protection, unnamed: Set<Digest>) -> Bool {
            if isNamed, !unnamed.contains(digest) { return true }
            switch protection {
            case .named: return false
            case .lasting: return isAwaited
            case .collecting(let recent): return isAwaited || isLeased || recent.contains(lastUse)
            }
        }
    }

    /// Only manifests have names: of other blobs the large tables need not be read.
    private static let columns = """
        blobs.digest, CASE state WHEN 'missing' THEN 0 ELSE size END, max(committed_at, used_at), keepers,
        CASE WHEN manifests.media_type IS NULL THEN 0
            ELSE EXISTS (SELECT 1 FROM names WHERE names.digest = blobs.digest) END,
        EXISTS (SELECT 1 FROM lease_items WHERE lease_items.digest = blobs.digest),
        EXISTS (SELECT 1 FROM import_items WHERE import_items.digest = blobs.digest),
        manifests.media_type IS NOT NULL
            OR EXISTS (SELECT 1 FROM referrers WHERE referrers.subject = blobs.digest)
        """

    /// - Returns: `nil` for what has no row.
    static func blob(_ db: Database, _ digest: Digest) throws -> Blob? {
        let statement = try db.cachedStatement(
            sql: "SELECT \(columns) FROM blobs LEFT JOIN manifests USING (digest) WHERE blobs.digest = ?"
        )
        return try Row.fetchOne(statement, arguments: [digest]).map(Blob.init)
    }

    /// Whether a blob that has no row is held by a lease, or belongs to what others have entered or an import is to complete.
    static func isAwaited(_ db: Database, _ digest: Digest) throws -> Bool {
        try db.exists("lease_items WHERE digest = ?", [digest]) || db.exists("import_items WHERE digest = ?", [digest])
    }

    /// Whether anything keeps a blob, be it a name, an import that is to be completed, or another blob.
    ///
    /// - Returns: `nil` for what has no row.
    static func isKept(_ db: Database, _ digest: Digest) throws -> Bool? {
        try blob(db, digest).map { $0.count > 0 || $0.isNamed || $0.isAwaited }
    }

    /// What a blob keeps, as often as it refers to it.
    static func kept(_ db: Database, by digest: Digest) throws -> [Blob] {
        try neighbours(
            db,
            of: digest,
            """
            SELECT child FROM edges WHERE parent = ?1 AND kind <> 'subject'
            UNION ALL
            SELECT referrer FROM referrers WHERE subject = ?1
            """
        )
    }

    /// What keeps a blob, recorded or not, as often as it refers to it.
    static func keepers(_ db: Database, of digest: Digest) throws -> [Blob] {
        try neighbours(
            db,
            of: digest,
            """
            SELECT parent FROM edges WHERE child = ?1 AND kind <> 'subject'
            UNION ALL
            SELECT subject FROM referrers WHERE referrer = ?1
            """
        )
    }

    /// Recorded blobs beside one, as often as `digests` names them; it is SQL in which `?1` stands for the one.
    private static func neighbours(_ db: Database, of digest: Digest, _ digests: String) throws -> [Blob] {
        let statement = try db.cachedStatement(
            sql: """
                WITH beside (digest) AS (\(digests))
                SELECT \(columns) FROM beside CROSS JOIN blobs ON blobs.digest = beside.digest
                LEFT JOIN manifests ON manifests.digest = blobs.digest
                """
        )
        var blobs: [Blob] = []
        let rows = try Row.fetchCursor(statement, arguments: [digest])
        while let row = try rows.next() {
            blobs.append(try Blob(row))
        }
        return blobs
    }
}

extension References {
    /// Who refers to whom, as an SQL table of `subject` and `referrer`.
    enum Lists: String {
        /// What repositories list.
        case listed = "referrers"
        /// What manifests say of themselves, whoever lists them or not: what kept them before lists were recorded.
        case claimed = "(SELECT child AS subject, parent AS referrer FROM edges WHERE kind = 'subject')"
    }

    /// All that a manifest keeps, itself included, as the SQL table `closure (digest)`; the manifest is the expression given.
    static func closure(of manifest: String, _ lists: Lists = .listed) -> String {
        """
        WITH RECURSIVE closure (digest) AS (
            SELECT \(manifest)
            UNION
            SELECT edges.child FROM edges JOIN closure ON edges.parent = closure.digest WHERE edges.kind <> 'subject'
            UNION
            SELECT lists.referrer FROM \(lists.rawValue) AS lists JOIN closure ON lists.subject = closure.digest
        )
        """
    }

    /// All that keeps a blob, itself included, as the SQL table `keepers (digest)`; the blob is the expression given.
    static func keepers(of blob: String, _ lists: Lists = .listed) -> String {
        """
        WITH RECURSIVE keepers (digest) AS (
            SELECT \(blob)
            UNION
            SELECT edges.parent FROM edges JOIN keepers ON edges.child = keepers.digest WHERE edges.kind <> 'subject'
            UNION
            SELECT lists.subject FROM \(lists.rawValue) AS lists JOIN keepers ON lists.referrer = keepers.digest
        )
        """
    }

    /// The bytes of an image that are there, in SQL; the manifest is the expression given.
    static func imageBytes(of manifest: String, _ lists: Lists = .listed) -> String {
        """
        (\(closure(of: manifest, lists))
        SELECT coalesce(sum(size), 0) FROM closure JOIN blobs USING (digest) WHERE state <> 'missing')
        """
    }
}
