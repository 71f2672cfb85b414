import GRDB
import OCI

/// Which blobs are manifests, and what each of them refers to.
struct ManifestRows {
    let db: Database

    /// Records a manifest whose blob has a row.
    func record(_ manifest: Manifest) throws {
        try db.executeCached(
            sql: """
                INSERT INTO manifests (digest, media_type) VALUES (?, ?)
                ON CONFLICT (digest) DO UPDATE SET media_type = excluded.media_type
                """,
            arguments: [manifest.descriptor.digest, manifest.descriptor.mediaType]
        )
        for edge in manifest.edges {
            try db.executeCached(
                sql: """
                    INSERT INTO edges (parent, kind, position, child, media_type, size) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (parent, kind, position) DO NOTHING
                    """,
                arguments: [
                    manifest.descriptor.digest, edge.kind, edge.position, edge.child.digest, edge.child.mediaType,
                    edge.child.size,
                ]
            )
        }
    }

    /// Whether a manifest is recorded and its file there, with its origin if one is given.
    func isRecorded(_ digest: Digest, from origin: RepositoryReference?) throws -> Bool {
        let isKnown = try db.exists("manifests JOIN blobs USING (digest) WHERE digest = ? AND state = 'ok'", [digest])
        guard isKnown, let origin else { return isKnown }
        return try db.exists(
            "blob_sources WHERE digest = ? AND host = ? AND repository = ?",
            [digest, origin.host, origin.repository]
        )
    }

    /// A manifest's type and size as recorded.
    func descriptor(of digest: Digest) throws -> Descriptor? {
        try Descriptor.fetchOne(
            db.cachedStatement(
                sql: "SELECT digest, media_type, size FROM manifests JOIN blobs USING (digest) WHERE digest = ?"
            ),
            arguments: [digest]
        )
    }

    /// What a manifest says that it refers to.
    func subject(of digest: Digest) throws -> Digest? {
        try Digest.fetchOne(
            db.cachedStatement(sql: "SELECT child FROM edges WHERE parent = ? AND kind = 'subject'"),
            arguments: [digest]
        )
    }

    /// Whether a manifest is the child of another one that is recorded.
    func isChild(_ digest: Digest) throws -> Bool {
        try db.exists("edges WHERE child = ? AND kind = 'child'", [digest])
    }

    /// The sizes that a repository's manifests give a blob: one, unless they contradict each other.
    func sizes(of digest: Digest, in location: RepositoryReference) throws -> [Int64] {
        try Int64.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT DISTINCT edges.size FROM edges JOIN blob_sources ON blob_sources.digest = edges.parent
                    WHERE edges.child = ? AND blob_sources.host = ? AND blob_sources.repository = ?
                    """
            ),
            arguments: [digest, location.host, location.repository]
        )
    }

    /// What a file of that size is to those that refer to it, or was before it was missing; of unknown type where nothing is
    /// known of it.
    ///
    /// - Returns: `nil` when another size is expected.
    func expected(_ digest: Digest, size: Int64) throws -> Descriptor? {
        let expected = try Descriptor.fetchAll(
            db.cachedStatement(
                sql:
                    "SELECT DISTINCT child AS digest, media_type, size FROM edges WHERE child = ? AND kind <> 'subject'"
            ),
            arguments: [digest]
        )
        guard expected.isEmpty else {
            let fitting = expected.filter { $0.size == size }
            return fitting.first { $0.mediaType.isManifest } ?? fitting.first
        }
        if let manifest = try descriptor(of: digest) { return manifest.size == size ? manifest : nil }
        return Descriptor(mediaType: .octetStream, digest: digest, size: size)
    }

    /// A manifest, `?1`, and all that an image consists of with it.
    private static let closure = """
        WITH RECURSIVE closure (digest) AS (
            SELECT ?1
            UNION
            SELECT edges.child FROM edges JOIN closure ON edges.parent = closure.digest
            WHERE edges.kind <> 'subject'
        )
        """

    /// What an image consists of, as far as is known, and is not recorded as there.
    func unrecorded(in digest: Digest) throws -> [Descriptor] {
        try Descriptor.fetchAll(
            db.cachedStatement(
                sql: """
                    \(Self.closure)
                    SELECT DISTINCT edges.child AS digest, edges.media_type, edges.size
                    FROM closure JOIN edges ON edges.parent = closure.digest AND edges.kind <> 'subject'
                        LEFT JOIN blobs ON blobs.digest = edges.child
                    WHERE blobs.state IS NULL OR blobs.state <> 'ok' OR edges.kind = 'child' AND NOT EXISTS
                        (SELECT 1 FROM manifests WHERE manifests.digest = edges.child)
                    """
            ),
            arguments: [digest]
        )
    }

    /// All that an image consists of.
    ///
    /// - Returns: `nil` when some of it is not recorded as there.
    func closure(of digest: Digest) throws -> [Descriptor]? {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    \(Self.closure)
                    SELECT digest, ?2 AS media_type, size, state FROM closure LEFT JOIN blobs USING (digest)
                    """
            ),
            arguments: [digest, MediaType.octetStream]
        )
        var found: [Descriptor] = []
        for row in rows {
            guard try row.decode(BlobRows.State?.self, forColumn: "state") == .ok else { return nil }
            found.append(try Descriptor(row: row))
        }
        return found
    }
}

extension Manifest {
    /// One thing a manifest refers to.
    fileprivate struct Edge {
        let kind: String
        let position: Int
        let child: Descriptor
    }

    fileprivate var edges: [Edge] {
        var edges: [Edge] =
            switch content {
            case .image(let image):
                // Foreign layers are no part of what must be here, so nothing misses or keeps them.
                [Edge(kind: "config", position: 0, child: image.config)]
                    + image.layers.enumerated().filter { !image.foreignLayers.contains($0.offset) }
                    .map { Edge(kind: "layer", position: $0.offset, child: $0.element) }
            case .index(let index):
                index.entries.enumerated().map {
                    Edge(kind: "child", position: $0.offset, child: $0.element.descriptor)
                }
            }
        if let subject { edges.append(Edge(kind: "subject", position: 0, child: subject)) }
        return edges
    }
}
