import FoundationEssentials
import GRDB
import OCI

extension CacheIndex {
    /// Records committed files, all in one transaction.
    func record(_ items: [PendingCommit], at now: Int64) throws(CacheError) {
        try write { db in
            for item in items {
                try Self.upsertBlob(db, item.descriptor, verifiedAt: now, now: now)
                if let manifest = item.manifest { try Self.upsert(db, manifest) }
                if let origin = item.origin { try Self.insertSource(db, item.descriptor.digest, origin) }
                let key = item.descriptor.digest.key
                try db.executeCached(sql: "DELETE FROM reservations WHERE digest = ?", arguments: [key])
            }
        }
    }

    /// Records a manifest whose file is there and has been verified.
    func record(_ manifest: Manifest, from origin: RepositoryReference?, at now: Int64) throws(CacheError) {
        try write { db in
            try Self.upsertBlob(db, manifest.descriptor, verifiedAt: now, now: now)
            try Self.upsert(db, manifest)
            if let origin { try Self.insertSource(db, manifest.descriptor.digest, origin) }
        }
    }

    /// Whether a manifest is recorded, with its origin if one is given.
    func isRecorded(_ digest: Digest, from origin: RepositoryReference?) throws(CacheError) -> Bool {
        try read { db in
            let isKnown = try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (
                            SELECT 1 FROM manifests JOIN blobs USING (digest) WHERE digest = ? AND state = 'ok'
                        )
                        """
                ),
                arguments: [digest.key]
            )
            guard isKnown == true, let origin else { return isKnown == true }
            return try Bool.fetchOne(
                db.cachedStatement(
                    sql: "SELECT EXISTS (SELECT 1 FROM blob_sources WHERE digest = ? AND host = ? AND repository = ?)"
                ),
                arguments: [digest.key, origin.host.description, origin.repository.description]
            ) == true
        }
    }

    /// A manifest's type and size as recorded.
    func manifestDescriptor(_ digest: Digest) throws(CacheError) -> Descriptor? {
        try read { db in
            let row = try Row.fetchOne(
                db,
                sql: "SELECT media_type, size FROM manifests JOIN blobs USING (digest) WHERE digest = ?",
                arguments: [digest.key]
            )
            return try row.flatMap { row in
                try Descriptor(mediaType: MediaType(row["media_type"] as String), digest: digest, size: row["size"])
            }
        }
    }

    /// Marks a blob whose file is gone.
    func markMissing(_ digests: [Digest]) throws(CacheError) {
        guard !digests.isEmpty else { return }
        try write { db in
            for digest in digests {
                try db.executeCached(
                    sql: "UPDATE blobs SET state = 'missing', verified_at = NULL WHERE digest = ?",
                    arguments: [digest.key]
                )
            }
        }
    }

    static func upsertBlob(_ db: Database, _ descriptor: Descriptor, verifiedAt: Int64?, now: Int64) throws {
        try db.executeCached(
            sql: """
                INSERT INTO blobs (digest, size, state, verified_at, committed_at, used_at) VALUES (?, ?, 'ok', ?, ?, ?)
                ON CONFLICT (digest) DO UPDATE SET size = excluded.size, state = 'ok',
                    verified_at = excluded.verified_at, committed_at = excluded.committed_at,
                    used_at = max(used_at, excluded.used_at)
                """,
            arguments: [descriptor.digest.key, descriptor.size, verifiedAt, now, now]
        )
    }

    static func upsert(_ db: Database, _ manifest: Manifest) throws {
        let key = manifest.descriptor.digest.key
        let artifactType =
            switch manifest.content {
            case .image(let image): image.artifactType
            case .index(let index): index.artifactType
            }
        try db.executeCached(
            sql: """
                INSERT INTO manifests (digest, media_type, artifact_type) VALUES (?, ?, ?)
                ON CONFLICT (digest) DO UPDATE SET media_type = excluded.media_type
                """,
            arguments: [key, manifest.descriptor.mediaType.description, artifactType]
        )
        for edge in manifest.edges {
            try db.executeCached(
                sql: """
                    INSERT INTO edges (parent, kind, position, child, media_type, size) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (parent, kind, position) DO NOTHING
                    """,
                arguments: [
                    key, edge.kind, edge.position, edge.child.digest.key, edge.child.mediaType.description,
                    edge.child.size,
                ]
            )
        }
    }

    private static func insertSource(_ db: Database, _ digest: Digest, _ origin: RepositoryReference) throws {
        try db.executeCached(
            sql: "INSERT INTO blob_sources (digest, host, repository) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            arguments: [digest.key, origin.host.description, origin.repository.description]
        )
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
