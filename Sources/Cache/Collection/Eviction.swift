import GRDB
import OCI

/// An image that could make room: all names of one manifest.
struct EvictionCandidate: Sendable {
    let digest: Digest
    let names: Int
    /// When one of its names changed last, in seconds since 1970.
    let updatedAt: Int64
    /// When it was used, or one of its names changed, last; in seconds since 1970.
    let lastUse: Int64

    /// Removes an image's names, all of them or none, unless something keeps it or one was changed meanwhile.
    ///
    /// - Returns: those that were removed.
    func unname(_ db: Database, _ search: inout KeeperSearch, at now: Int64) throws -> [ImageReference] {
        let current = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT count(*), max(updated_at) FROM names WHERE digest = ?"),
            arguments: [digest]
        )
        let changedAt: Int64 = current?[1] ?? .max
        guard current?[0] == names, changedAt <= updatedAt, try search.loses(db, names: digest) else { return [] }
        let references = try NamesOf.manifest(db, digest)
        for name in references {
            guard let reference = name.reference else { continue }
            _ = try db.names.remove(reference, of: name.location, naming: digest, at: now)
        }
        return references
    }
}

/// Gathers the images that may make room, in short transactions.
struct EvictionCandidates: Sendable {
    private let recent: RecentUse
    private let pins: Set<ImageReference>
    private var pinned: Set<Digest>?
    private var last: Digest?
    private var found: [EvictionCandidate] = []

    /// What a run has just used would be needed again first; evicting it would only free it after the grace.
    init(besides recent: RecentUse, pins: Set<ImageReference>) {
        self.recent = recent
        self.pins = pins
    }

    /// The least recently used first.
    var sorted: [EvictionCandidate] {
        found.sorted { left, right in
            left.lastUse == right.lastUse ? left.digest < right.digest : left.lastUse < right.lastUse
        }
    }

    /// - Returns: whether all names have been looked at.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        let pinned = try self.pinned ?? pinnedDigests(db)
        self.pinned = pinned
        let digests = try Digest.fetchCursor(
            db.cachedStatement(sql: "SELECT digest FROM names WHERE digest > ? ORDER BY digest"),
            arguments: [last.place]
        )
        while let digest = try digests.next() {
            guard digest != last else { continue }
            guard !page.isOver else { return false }
            last = digest
            if !pinned.contains(digest), let candidate = try candidate(db, digest) { found.append(candidate) }
        }
        return true
    }

    private func candidate(_ db: Database, _ digest: Digest) throws -> EvictionCandidate? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT count(*), max(updated_at), (SELECT max(committed_at, used_at) FROM blobs WHERE digest = ?1)
                FROM names WHERE digest = ?1
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [digest]), let used: Int64 = row[2] else { return nil }
        let lastUse = max(row[1], used)
        return recent.contains(lastUse)
            ? nil : EvictionCandidate(digest: digest, names: row[0], updatedAt: row[1], lastUse: lastUse)
    }

    private func pinnedDigests(_ db: Database) throws -> Set<Digest> {
        let sql = "SELECT digest FROM names WHERE host = ? AND repository = ? AND reference = ?"
        let statement = try db.cachedStatement(sql: sql)
        return try pins.reduce(into: []) { digests, pin in
            guard let name = pin.reference else { return }
            let arguments: StatementArguments = [pin.location.host, pin.location.repository, name]
            digests.formUnion(try Digest.fetchAll(statement, arguments: arguments))
        }
    }
}

/// Chooses the images that make room, in short transactions.
struct EvictionPlan: Sendable {
    private var waiting: [EvictionCandidate]
    private var release: Release
    private let excess: Int64
    private var position = 0
    /// Those of this pass that something else keeps.
    private var rest: [EvictionCandidate] = []
    private var isChanged = false
    /// The images that go, the least recently used first.
    private(set) var evictions: [EvictionCandidate] = []
    /// What nothing else keeps of them.
    private(set) var freed = CollectionTally()

    /// Plans to free so many bytes; `release` is what is gone already.
    init(_ candidates: [EvictionCandidate], after release: Release, excess: Int64) {
        waiting = candidates
        self.release = release
        self.excess = excess
    }

    /// Chooses in order until enough is free, or none is left that may go.
    ///
    /// One that something else keeps, an index its child for instance, is looked at again when that is gone.
    ///
    /// - Returns: whether all has been decided.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        while try release.run(db, page, { freed.count($0.size) }), !page.isOver {
            guard freed.bytes < excess else { return true }
            if position < waiting.count {
                let image = waiting[position]
                position += 1
                if try release.takeNames(db, of: image.digest) {
                    evictions.append(image)
                    isChanged = true
                } else {
                    rest.append(image)
                }
            } else {
                guard isChanged, !rest.isEmpty else { return true }
                (waiting, rest, position, isChanged) = (rest, [], 0, false)
            }
        }
        return false
    }
}
