import FoundationEssentials
import GRDB
package import OCI

/// A blob that is to be fetched again, and what is known of where it can be had.
package struct MissingBlob: Sendable {
    /// Its size is what the manifests that refer to it say; its type decides whether it is asked for as a manifest.
    package let descriptor: Descriptor
    /// Where it came from, then the repositories whose tags need it; sorted, each once.
    package let origins: [RepositoryReference]
}

extension Verifier {
    /// What is known of blobs that a verification found bad or missing.
    ///
    /// - Returns: nothing for those that nobody refers to and nobody remembers the size of.
    package func missing(_ digests: [Digest]) async throws -> [MissingBlob] {
        try await blocking { [index = store.index] in
            try digests.compactMap { digest in try index.read { try MissingBlob($0, digest) } }
        }
    }

    /// The blobs that tags need and that are not there, as far as the index knows; restoring a manifest can reveal more.
    ///
    /// Sorted by digest.
    package func neededButAbsent() async throws -> [Digest] {
        try await store.index.readPages(AbsentWalk()) { try $0.run($1, $2) }.found.sorted()
    }

    /// The tags whose images need a blob, sorted by repository and tag.
    package func tags(needing digest: Digest) async throws -> [ImageReference] {
        try await blocking { [index = store.index] in
            try index.read { db in try NamesOf.images(db, needing: digest.key) }
        }
    }

    /// The blobs that are said to be there and have no file, and those that a tag's image consists of and lacks.
    ///
    /// The files are what is on the disk, sorted by digest.
    func blobsWithout(files: [StoredFile]) async throws -> [Digest] {
        let from = (found: [Digest](), position: 0, last: Data())
        let lost = try await store.index.readPages(from) { state, db, page in
            let rows = try Data.fetchCursor(
                db.cachedStatement(sql: "SELECT digest FROM blobs WHERE digest > ? AND state = 'ok' ORDER BY digest"),
                arguments: [state.last]
            )
            while let key = try rows.next() {
                state.last = key
                if let digest = Digest(key: key) {
                    while state.position < files.count, files[state.position].digest < digest { state.position += 1 }
                    if state.position == files.count || files[state.position].digest != digest {
                        state.found.append(digest)
                    }
                }
                if page.isOver { return false }
            }
            return true
        }.found
        return lost + (try await neededButAbsent())
    }
}

extension MissingBlob {
    /// - Returns: `nil` where nobody knows its size.
    fileprivate init?(_ db: Database, _ digest: Digest) throws {
        // What manifests say comes first: a row made from a file that was cut short has its wrong size.
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT media_type, size FROM edges WHERE child = ?1
                UNION ALL
                SELECT media_type, size FROM manifests JOIN blobs USING (digest) WHERE digest = ?1
                UNION ALL
                SELECT NULL, size FROM blobs WHERE digest = ?1
                LIMIT 1
                """,
            arguments: [digest.key]
        )
        guard let row else { return nil }
        let mediaType = try (row["media_type"] as String?).map { try MediaType($0) } ?? .octetStream
        guard let descriptor = Descriptor(mediaType: mediaType, digest: digest, size: row["size"]) else { return nil }
        self.descriptor = descriptor
        origins = try Self.origins(db, digest)
    }

    private static func origins(_ db: Database, _ digest: Digest) throws -> [RepositoryReference] {
        try Row.fetchAll(
            db,
            sql: """
                \(References.keepers(of: "?1"))
                SELECT host, repository, min(place) AS place FROM (
                    SELECT host, repository, 0 AS place FROM blob_sources WHERE digest = ?1
                    UNION ALL
                    SELECT host, repository, 1 FROM keepers JOIN names USING (digest)
                    UNION ALL
                    SELECT host, repository, 2 FROM keepers JOIN blob_sources USING (digest)
                ) GROUP BY host, repository ORDER BY place, host, repository
                """,
            arguments: [digest.key]
        ).map { row in
            try RepositoryReference(
                host: RegistryHost(row["host"] as String),
                repository: RepositoryName(row["repository"] as String)
            )
        }
    }
}

/// Looks for what tags need and what is not recorded as there, in short transactions.
private struct AbsentWalk: Sendable {
    private static let chunk = 256

    var found: Set<Digest> = []
    private var parts = TagParts()
    private var missing: Data? = Data()
    private var edge: (parent: Data, kind: String, position: Int64)? = (Data(), "", 0)
    private var candidates: [Data] = []

    /// - Returns: whether all has been looked at.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        while !page.isOver {
            if let key = candidates.popLast() {
                if let digest = Digest(key: key), !found.contains(digest), try parts.contain(db, key) {
                    found.insert(digest)
                }
            } else if let missing {
                try readMissing(db, after: missing)
            } else if let edge {
                try readEdges(db, after: edge)
            } else {
                return true
            }
        }
        return false
    }

    private mutating func readMissing(_ db: Database, after last: Data) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT digest FROM blobs WHERE state = 'missing' AND state <> 'ok' AND digest > ?
                ORDER BY digest LIMIT ?
                """
        )
        candidates = try Data.fetchAll(statement, arguments: [last, Self.chunk])
        missing = candidates.last
    }

    private mutating func readEdges(_ db: Database, after last: (parent: Data, kind: String, position: Int64)) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT parent, kind, position, child,
                    kind <> 'subject' AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.digest = edges.child)
                FROM edges WHERE (parent, kind, position) > (?, ?, ?) ORDER BY parent, kind, position LIMIT ?
                """
        )
        let rows = try Row.fetchAll(statement, arguments: [last.parent, last.kind, last.position, Self.chunk])
        candidates = rows.filter { $0[4] }.map { $0[3] }
        edge = rows.last.map { ($0[0], $0[1], $0[2]) }
    }
}

/// Tells whether something is a part of a tag's image; referrers are none.
private struct TagParts: Sendable {
    private var known: [Data: Bool] = [:]

    mutating func contain(_ db: Database, _ part: Data) throws -> Bool {
        let parents = try db.cachedStatement(sql: "SELECT parent FROM edges WHERE child = ? AND kind <> 'subject'")
        let tags = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM names WHERE digest = ? AND is_whole)")
        var seen: Set<Data> = [part]
        var open = [part]
        while let key = open.popLast() {
            if known[key] == false { continue }
            if try known[key] == true || Bool.fetchOne(tags, arguments: [key]) == true {
                known[key] = true
                known[part] = true
                return true
            }
            for parent in try Data.fetchAll(parents, arguments: [key]) where seen.insert(parent).inserted {
                open.append(parent)
            }
        }
        for key in seen { known[key] = false }
        return false
    }
}
