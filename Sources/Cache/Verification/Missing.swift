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
        var missing: [MissingBlob] = []
        for digest in digests {
            if let blob = try await store.index.read({ try MissingBlob($0, digest) }) { missing.append(blob) }
        }
        return missing
    }

    /// The blobs that tags need and that are not there, as far as the index knows; restoring a manifest can reveal more.
    ///
    /// Sorted by digest.
    package func neededButAbsent() async throws -> [Digest] {
        try await store.index.readPages(AbsentWalk()) { try $0.run($1, $2) }.found.sorted()
    }

    /// The tags whose images need a blob, sorted by repository and tag.
    package func tags(needing digest: Digest) async throws -> [ImageReference] {
        try await store.index.read { db in try NamesOf.images(db, needing: digest) }
    }

    /// The blobs that are said to be there and have no file, and those that a tag's image consists of and lacks.
    ///
    /// The files are what is on the disk, sorted by digest.
    func blobsWithout(files: [StoredFile]) async throws -> [Digest] {
        let from = (found: [Digest](), position: 0, last: Digest?.none)
        let lost = try await store.index.readPages(from) { state, db, page in
            let rows = try Digest.fetchCursor(
                db.cachedStatement(sql: "SELECT digest FROM blobs WHERE digest > ? AND state = 'ok' ORDER BY digest"),
                arguments: [state.last.place]
            )
            while let digest = try rows.next() {
                state.last = digest
                while state.position < files.count, files[state.position].digest < digest { state.position += 1 }
                if state.position == files.count || files[state.position].digest != digest {
                    state.found.append(digest)
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
    init?(_ db: Database, _ digest: Digest) throws {
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
            arguments: [digest]
        )
        guard let row else { return nil }
        let mediaType = try row.decode(MediaType?.self, forColumn: "media_type") ?? .octetStream
        guard let descriptor = Descriptor(mediaType: mediaType, digest: digest, size: row["size"]) else { return nil }
        self.descriptor = descriptor
        origins = try Self.origins(db, digest)
    }

    private static func origins(_ db: Database, _ digest: Digest) throws -> [RepositoryReference] {
        try RepositoryReference.fetchAll(
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
            arguments: [digest]
        )
    }
}

/// Looks for what tags need and what is not recorded as there, in short transactions.
private struct AbsentWalk: Sendable {
    private static let chunk = 256

    var found: Set<Digest> = []
    private var parts = TagParts(andReferrers: false)
    private var partsAndReferrers = TagParts(andReferrers: true)
    private var phase = Phase.missing(after: nil)
    private var candidates: [Digest] = []

    /// Where the walk stands.
    private enum Phase {
        /// Among the blobs that are known to be missing.
        case missing(after: Digest?)
        /// Among what manifests refer to.
        case edges(after: Edge?)
        case end
    }

    /// The key of one reference.
    private struct Edge {
        let parent: Digest
        let kind: String
        let position: Int64
    }

    /// - Returns: whether all has been looked at.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        while !page.isOver {
            if let digest = candidates.popLast() {
                if try !found.contains(digest) && isNeeded(db, digest) { found.insert(digest) }
                continue
            }
            switch phase {
            case .missing(let last): try readMissing(db, after: last)
            case .edges(let last): try readEdges(db, after: last)
            case .end: return true
            }
        }
        return false
    }

    /// What was here is missed of referrers too; what never was may have been left where it was.
    private mutating func isNeeded(_ db: Database, _ digest: Digest) throws -> Bool {
        if case .missing = phase { return try partsAndReferrers.contain(db, digest) }
        return try parts.contain(db, digest)
    }

    private mutating func readMissing(_ db: Database, after last: Digest?) throws {
        candidates = try db.blobs.missing(after: last, limit: Self.chunk)
        phase = candidates.isEmpty ? .edges(after: nil) : .missing(after: candidates.last)
    }

    private mutating func readEdges(_ db: Database, after last: Edge?) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT parent, kind, position, child,
                    kind <> 'subject' AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.digest = edges.child)
                FROM edges WHERE (parent, kind, position) > (?, ?, ?) ORDER BY parent, kind, position LIMIT ?
                """
        )
        let place: StatementArguments = [(last?.parent).place, last?.kind ?? "", last?.position ?? 0, Self.chunk]
        let rows = try Row.fetchAll(statement, arguments: place)
        candidates = try rows.filter { $0[4] }.map { try $0.decode(Digest.self, atIndex: 3) }
        phase =
            try rows.last.map { row in
                .edges(after: Edge(parent: try row.decode(Digest.self, atIndex: 0), kind: row[1], position: row[2]))
            } ?? .end
    }
}

/// Tells whether something is a part of a tag's image, or of what is listed as referring to one.
private struct TagParts: Sendable {
    private let parents: String
    private var known: [Digest: Bool] = [:]

    init(andReferrers: Bool) {
        let edges = "SELECT parent FROM edges WHERE child = ?1 AND kind <> 'subject'"
        parents = andReferrers ? "\(edges) UNION ALL SELECT subject FROM referrers WHERE referrer = ?1" : edges
    }

    mutating func contain(_ db: Database, _ part: Digest) throws -> Bool {
        let parents = try db.cachedStatement(sql: parents)
        let tags = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM names WHERE digest = ? AND is_whole)")
        var seen: Set<Digest> = [part]
        var open = [part]
        while let key = open.popLast() {
            if known[key] == false { continue }
            if try known[key] == true || Bool.fetchOne(tags, arguments: [key]) == true {
                known[key] = true
                known[part] = true
                return true
            }
            for parent in try Digest.fetchAll(parents, arguments: [key]) where seen.insert(parent).inserted {
                open.append(parent)
            }
        }
        for key in seen { known[key] = false }
        return false
    }
}
