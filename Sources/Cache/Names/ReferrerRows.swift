import GRDB
import OCI

/// What repositories list as referring to a manifest: its signatures, attestations and the like.
///
/// What one repository lists is not told for another, although both may have the manifest. A list names also what is not
/// here; it keeps what is. Triggers take the lists of a repository away with its last name.
struct ReferrerRows {
    /// One list, or what is added to one.
    struct List: Sendable {
        let subject: Digest
        let referrers: [Digest]

        /// Each once, and never the subject itself.
        init(_ subject: Digest, _ referrers: [Digest]) {
            var seen: Set<Digest> = [subject]
            self.subject = subject
            self.referrers = referrers.filter { seen.insert($0).inserted }
        }
    }

    /// A subject and what is listed as referring to it.
    struct Pair: Sendable {
        let subject: Digest
        let referrer: Digest

        /// From the first two columns.
        init(_ row: Row) throws {
            subject = try row.decode(Digest.self, atIndex: 0)
            referrer = try row.decode(Digest.self, atIndex: 1)
        }
    }

    let db: Database

    /// All that a repository lists, in its order.
    func listed(of subject: Digest, in location: RepositoryReference) throws -> [Digest] {
        try Digest.fetchAll(
            db.cachedStatement(
                sql:
                    "SELECT referrer FROM referrers WHERE host = ? AND repository = ? AND subject = ? ORDER BY position"
            ),
            arguments: [location.host, location.repository, subject]
        )
    }

    /// Some of the manifests of which a repository lists that something refers to them, others each time.
    func subjects(in location: RepositoryReference, limit: Int) throws -> [Digest] {
        try Digest.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT subject FROM referrers WHERE host = ? AND repository = ?
                    GROUP BY subject ORDER BY random() LIMIT ?
                    """
            ),
            arguments: [location.host, location.repository, limit]
        )
    }

    /// Of what a repository lists, the manifests that are recorded as there, in its order.
    func descriptors(of subject: Digest, in location: RepositoryReference) throws -> [Descriptor] {
        try Descriptor.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT manifests.digest, manifests.media_type, blobs.size
                    FROM referrers JOIN manifests ON manifests.digest = referrer JOIN blobs USING (digest)
                    WHERE host = ? AND repository = ? AND subject = ? AND blobs.state = 'ok' ORDER BY position
                    """
            ),
            arguments: [location.host, location.repository, subject]
        )
    }

    /// One entry of a repository's list that is here, as its subject is.
    struct Entry: Sendable {
        let location: RepositoryReference
        let subject: Digest
        fileprivate let position: Int64
        let referrer: Descriptor
    }

    /// So many entries of all lists, in order, after one of them.
    func entries(after last: Entry?, limit: Int) throws -> [Entry] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, subject, position, manifests.digest, manifests.media_type, blobs.size
                FROM referrers CROSS JOIN manifests ON manifests.digest = referrer CROSS JOIN blobs USING (digest)
                WHERE (host, repository, subject, position) > (?, ?, ?, ?) AND blobs.state = 'ok'
                    AND EXISTS (SELECT 1 FROM blobs AS here WHERE here.digest = subject AND here.state = 'ok')
                ORDER BY host, repository, subject, position LIMIT ?
                """
        )
        let place: StatementArguments = [
            last?.location.host.description ?? "", last?.location.repository.description ?? "",
            (last?.subject).place, last?.position ?? -1, limit,
        ]
        return try Row.fetchAll(statement, arguments: place).map { row in
            Entry(
                location: try RepositoryReference(row: row),
                subject: try row.decode(Digest.self, forColumn: "subject"),
                position: row["position"],
                referrer: try Descriptor(row: row)
            )
        }
    }

    /// Replaces a repository's list: what it names no more is not kept by it any longer.
    func set(_ list: List, in location: RepositoryReference) throws {
        guard try listed(of: list.subject, in: location) != list.referrers else { return }
        try db.executeCached(
            sql: "DELETE FROM referrers WHERE host = ? AND repository = ? AND subject = ?",
            arguments: [location.host, location.repository, list.subject]
        )
        for (position, referrer) in list.referrers.enumerated() {
            try insert(referrer, of: list.subject, in: location, at: position)
        }
    }

    /// Adds to the end of a repository's list what it does not name.
    func add(_ list: List, in location: RepositoryReference) throws {
        let new = try list.referrers.filter { try !lists($0, of: list.subject, in: location) }
        guard !new.isEmpty else { return }
        let end = try end(of: list.subject, in: location)
        for (position, referrer) in new.enumerated() {
            try insert(referrer, of: list.subject, in: location, at: end + position)
        }
    }

    /// Whether a repository names something in its list; takes as long for a long one.
    func lists(_ referrer: Digest, of subject: Digest, in location: RepositoryReference) throws -> Bool {
        try db.exists(
            "referrers WHERE subject = ? AND referrer = ? AND host = ? AND repository = ?",
            [subject, referrer, location.host, location.repository]
        )
    }

    /// The first position behind a repository's list, which may have holes.
    private func end(of subject: Digest, in location: RepositoryReference) throws -> Int {
        try Int.fetchOne(
            db.cachedStatement(
                sql: "SELECT max(position) + 1 FROM referrers WHERE host = ? AND repository = ? AND subject = ?"
            ),
            arguments: [location.host, location.repository, subject]
        ) ?? 0
    }

    private func insert(
        _ referrer: Digest,
        of subject: Digest,
        in location: RepositoryReference,
        at position: Int
    ) throws {
        try db.executeCached(
            sql: "INSERT INTO referrers (host, repository, subject, position, referrer) VALUES (?, ?, ?, ?, ?)",
            arguments: [location.host, location.repository, subject, position, referrer]
        )
    }

    /// Takes a manifest that says what it refers to as listed where that is said to be, as nobody knows better.
    func assume(_ referrer: Digest) throws {
        try db.execute(sql: Self.assumption(of: "edges.parent = ?"), arguments: [referrer])
    }

    /// Where pairs stand.
    enum Table: String, CaseIterable, Sendable {
        /// What repositories list.
        case listed = "referrers"
        /// What targets were given.
        case given = "given_referrers"
    }

    /// Who refers to what, after one pair, and whether either of both is here.
    func pairs(in table: Table, after pair: Pair?, limit: Int) throws -> [(pair: Pair, isNeeded: Bool)] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT DISTINCT subject, referrer, EXISTS (SELECT 1 FROM blobs WHERE digest IN (subject, referrer))
                FROM \(table.rawValue) WHERE (subject, referrer) > (?, ?) ORDER BY subject, referrer LIMIT ?
                """
        )
        return try Row.fetchAll(statement, arguments: [(pair?.subject).place, (pair?.referrer).place, limit])
            .map { (try Pair($0), $0[2]) }
    }

    /// Forgets that one thing refers to another, unless either is here.
    func remove(_ pair: Pair, from table: Table) throws {
        try db.executeCached(
            sql: """
                DELETE FROM \(table.rawValue) WHERE subject = ? AND referrer = ?
                    AND NOT EXISTS (SELECT 1 FROM blobs WHERE digest IN (subject, referrer))
                """,
            arguments: [pair.subject, pair.referrer]
        )
    }

    /// Lists the manifests that a condition on `edges` chooses in the repositories whose names hold their subjects: those
    /// that they came from, where that is known.
    static func assumption(of referrers: String) -> String {
        """
        INSERT INTO referrers (host, repository, subject, position, referrer)
        SELECT host, repository, subject, (
                SELECT coalesce(max(position) + 1, 0) FROM referrers AS others
                WHERE others.host = seen.host AND others.repository = seen.repository AND others.subject = seen.subject
            ) + row_number() OVER (PARTITION BY host, repository, subject ORDER BY referrer) - 1, referrer
        FROM (
            SELECT DISTINCT names.host, names.repository, edges.child AS subject, edges.parent AS referrer
            FROM edges CROSS JOIN names ON names.digest IN (
                \(References.keepers(of: "edges.child", .claimed)) SELECT digest FROM keepers
            )
            WHERE edges.kind = 'subject' AND edges.child <> edges.parent AND (\(referrers)) AND (
                NOT EXISTS (SELECT 1 FROM blob_sources WHERE blob_sources.digest = edges.parent)
                OR EXISTS (
                    SELECT 1 FROM blob_sources WHERE blob_sources.digest = edges.parent
                        AND blob_sources.host = names.host AND blob_sources.repository = names.repository
                )
            )
        ) AS seen
        WHERE NOT EXISTS (
            SELECT 1 FROM referrers AS others WHERE others.host = seen.host AND others.repository = seen.repository
                AND others.subject = seen.subject AND others.referrer = seen.referrer
        )
        """
    }
}
