import FoundationEssentials
import GRDB
import OCI

extension CacheIndex {
    private static func passKey(_ subset: VerificationOptions.Subset?) -> String {
        "verifying since" + (subset.map { " in \($0)" } ?? "")
    }

    /// When the verification began that was interrupted, in seconds since 1970.
    func interruptedVerification(_ subset: VerificationOptions.Subset?) throws(CacheError) -> Int64? {
        try read { db in
            try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [Self.passKey(subset)])
        }.flatMap { Int64($0) }
    }

    /// Notes that blobs were right, and since when they are looked at.
    func record(
        verified: [Digest],
        since start: Int64,
        _ subset: VerificationOptions.Subset?,
        _ now: Int64
    ) throws(CacheError) {
        try write { db in
            let update = try db.makeStatement(sql: "UPDATE blobs SET verified_at = ? WHERE digest = ? AND state = 'ok'")
            for digest in verified { try update.execute(arguments: [now, digest.key]) }
            try db.execute(
                sql: """
                    INSERT INTO meta (key, value) VALUES (?, ?)
                    ON CONFLICT (key) DO UPDATE SET value = excluded.value
                    """,
                arguments: [Self.passKey(subset), "\(start)"]
            )
        }
    }

    /// The next verification leaves nothing out.
    func forgetVerification(_ subset: VerificationOptions.Subset?) throws(CacheError) {
        guard try interruptedVerification(subset) != nil else { return }
        try write { db in
            try db.execute(sql: "DELETE FROM meta WHERE key = ?", arguments: [Self.passKey(subset)])
        }
    }

    /// Those of some files, sorted by digest, whose bytes were not found right since a time.
    ///
    /// Times to come count for nothing: the clock was wrong.
    func unverified(_ files: [StoredFile], since start: Int64, _ now: Int64) throws(CacheError) -> [StoredFile] {
        try read { db in
            var unverified: [StoredFile] = []
            var position = 0
            let rows = try Data.fetchCursor(
                db,
                sql: "SELECT digest FROM blobs WHERE verified_at BETWEEN ? AND ? AND state = 'ok' ORDER BY digest",
                arguments: [start, now]
            )
            while position < files.count, let key = try rows.next() {
                guard let digest = Digest(key: key) else { continue }
                while position < files.count, files[position].digest < digest {
                    unverified.append(files[position])
                    position += 1
                }
                if position < files.count, files[position].digest == digest { position += 1 }
            }
            return unverified + files[position...]
        }
    }

    /// The blobs that have no file and should have: those said to be there, and those that a tag's image consists of.
    ///
    /// The files are what is on the disk, sorted by digest.
    func blobsWithout(files: [StoredFile]) throws(CacheError) -> [Digest] {
        try read { db in
            var lost: [Digest] = []
            var position = 0
            let rows = try Data.fetchCursor(db, sql: "SELECT digest FROM blobs WHERE state = 'ok' ORDER BY digest")
            while let key = try rows.next() {
                guard let digest = Digest(key: key) else { continue }
                while position < files.count, files[position].digest < digest { position += 1 }
                if position == files.count || files[position].digest != digest { lost.append(digest) }
            }
            return lost + (try Self.neededButAbsent(db))
        }
    }

    private static func neededButAbsent(_ db: Database) throws -> [Digest] {
        try Data.fetchAll(
            db,
            sql: """
                WITH RECURSIVE needed (digest) AS (
                    SELECT digest FROM tags
                    UNION
                    SELECT edges.child FROM edges JOIN needed ON edges.parent = needed.digest
                    WHERE edges.kind <> 'subject'
                )
                SELECT digest FROM needed LEFT JOIN blobs USING (digest)
                WHERE state IS NULL OR state = 'missing'
                """
        ).compactMap(Digest.init(key:))
    }

    /// The blobs that a tag's image consists of and that are not recorded as there.
    func neededButAbsent() throws(CacheError) -> [Digest] {
        try read { try Self.neededButAbsent($0) }
    }

    /// The tags whose images need a blob, sorted by repository and tag.
    func tags(needing digest: Digest) throws(CacheError) -> [ImageReference] {
        try read { db in
            try ImageReference.fetchAll(
                db,
                sql: """
                    \(Self.keepers)
                    SELECT host, repository, reference FROM keepers JOIN names USING (digest)
                    ORDER BY host, repository, reference
                    """,
                arguments: [digest.key]
            )
        }
    }
}
