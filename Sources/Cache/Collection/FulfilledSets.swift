import GRDB
import OCI

/// The sets of volumes of which nothing is awaited any more, because what their images lacked has come another way.
struct FulfilledSets: Sendable {
    let store: Store

    /// Forgets them; what their images consist of is kept by names.
    ///
    /// It takes nothing from anybody, so that a dry run may do it too.
    ///
    /// - Throws: ``CacheError``.
    func release() async throws {
        for (set, tops) in try await store.index.read({ try $0.imports.awaited() }) {
            let walk = try await store.index.readPages(Walk(tops: Array(tops))) { try $0.run($1, $2) }
            guard walk.isFulfilled else { continue }
            try await store.index.write { db in
                if try db.imports.awaited()[set] == tops { try db.imports.release(set) }
            }
        }
    }

    /// Goes through images until one lacks something, or is kept by no name: one that is whole without a name waits for
    /// the volume that names it.
    private struct Walk: Sendable {
        var tops: [Digest]
        private(set) var isFulfilled = true
        private var search = KeeperSearch(.named)
        private var open: [Digest] = []
        private var seen: Set<Digest> = []

        init(tops: [Digest]) { self.tops = tops }

        /// - Returns: whether it is at its end.
        mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
            while isFulfilled, !page.isOver {
                if let manifest = open.popLast() {
                    isFulfilled = try hasParts(db, manifest)
                } else if let top = tops.popLast() {
                    isFulfilled = try search.isKept(db, top) && db.exists("manifests WHERE digest = ?", [top])
                    open.append(top)
                } else {
                    return true
                }
            }
            return !isFulfilled
        }

        /// Whether a manifest and what it refers to are here.
        private mutating func hasParts(_ db: Database, _ manifest: Digest) throws -> Bool {
            guard try db.exists("blobs WHERE digest = ? AND state = 'ok'", [manifest]) else { return false }
            let statement = try db.cachedStatement(
                sql: """
                    SELECT child, edges.media_type, coalesce(state, '') = 'ok', manifests.digest IS NOT NULL
                    FROM edges LEFT JOIN blobs ON blobs.digest = child LEFT JOIN manifests ON manifests.digest = child
                    WHERE parent = ? AND kind <> 'subject'
                    """
            )
            let rows = try Row.fetchCursor(statement, arguments: [manifest])
            while let row = try rows.next() {
                let (isHere, isRecorded): (Bool, Bool) = (row[2], row[3])
                guard isHere, try isRecorded || !row.decode(MediaType.self, atIndex: 1).isManifest else { return false }
                let child = try row.decode(Digest.self, atIndex: 0)
                if isRecorded, seen.insert(child).inserted { open.append(child) }
            }
            return true
        }
    }
}
