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
    /// Whether it goes after another one that was used as late.
    var isAttached = false

    /// Whether no name of it has come, gone or changed since.
    fileprivate func isAsItWas(_ db: Database) throws -> Bool {
        let current = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT count(*), max(updated_at) FROM names WHERE digest = ?"),
            arguments: [digest]
        )
        let changedAt: Int64 = current?[1] ?? .max
        return current?[0] == names && changedAt <= updatedAt
    }
}

/// Images that make room together: one, or those whose names alone keep each other.
struct Eviction: Sendable {
    let images: [EvictionCandidate]

    var digests: [Digest] { images.map(\.digest) }

    /// Removes the images' names, all of them or none, unless something keeps one or a name was changed meanwhile.
    ///
    /// - Returns: those that were removed.
    func unname(_ db: Database, _ search: inout KeeperSearch, at now: Int64) throws -> [ImageReference] {
        guard try images.allSatisfy({ try $0.isAsItWas(db) }), try search.loses(db, names: digests) else { return [] }
        return try digests.flatMap { digest in
            let references = try NamesOf.manifest(db, digest)
            for name in references {
                guard let reference = name.reference else { continue }
                _ = try db.names.remove(reference, of: name.location, naming: digest, at: now)
            }
            return references
        }
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
            if left.lastUse != right.lastUse { return left.lastUse < right.lastUse }
            return left.isAttached == right.isAttached ? left.digest < right.digest : right.isAttached
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
                SELECT count(*), max(updated_at), (SELECT max(committed_at, used_at) FROM blobs WHERE digest = ?1),
                    min(reference LIKE 'sha%-%.%')
                FROM names WHERE digest = ?1
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [digest]), let used: Int64 = row[2] else { return nil }
        var lastUse: Int64 = max(row[1], used)
        if row[3] {
            let subjects = try subjects(db, digest)
            if try arePinned(db, subjects) { return nil }
            // It goes right after what it refers to, which is used in its place.
            for subject in subjects { lastUse = max(lastUse, try lastUseOf(db, subject)) }
        }
        guard !recent.contains(lastUse) else { return nil }
        return EvictionCandidate(
            digest: digest,
            names: row[0],
            updatedAt: row[1],
            lastUse: lastUse,
            isAttached: row[3]
        )
    }

    /// What an image refers to all of whose names are tags such as cosign's.
    private func subjects(_ db: Database, _ digest: Digest) throws -> Set<Digest> {
        let subjects = try NamesOf.manifest(db, digest).map { $0.tag?.subjectOfReferrerTag }
        return subjects.contains(nil) ? [] : Set(subjects.compactMap(\.self))
    }

    /// How many signatures of signatures are followed.
    private static let maximumDepth = 8

    /// Whether one of these belongs to what is pinned, or refers to it in the same way.
    private func arePinned(_ db: Database, _ subjects: Set<Digest>) throws -> Bool {
        var (level, seen) = (subjects, subjects)
        for _ in 0..<Self.maximumDepth where !level.isEmpty && !pins.isEmpty {
            let names = try level.flatMap { try NamesOf.images(db, needing: $0) }
            if names.contains(where: pins.contains) { return true }
            level = Set(names.compactMap { $0.tag?.subjectOfReferrerTag }).subtracting(seen)
            seen.formUnion(level)
        }
        return false
    }

    private func lastUseOf(_ db: Database, _ digest: Digest) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "SELECT max(committed_at, used_at) FROM blobs WHERE digest = ?")
        return try Int64.fetchOne(statement, arguments: [digest]) ?? 0
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
    /// Whether an image is looked at by itself, or with those that keep it by their names.
    private enum Pass { case single, together }

    private var pass = Pass.single
    private var waiting: [EvictionCandidate]
    /// In a pass that looks at several together, those that have not gone yet.
    private var left: [Digest: EvictionCandidate] = [:]
    private var release: Release
    private let excess: Int64
    private var position = 0
    /// Those of this pass that something else keeps.
    private var rest: [EvictionCandidate] = []
    private var isChanged = false
    /// What goes, the least recently used first.
    private(set) var evictions: [Eviction] = []
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
    /// One that something else keeps, an index its child for instance, is looked at again when that is gone. What is left
    /// when no single one goes any more may be images that keep each other.
    ///
    /// - Returns: whether all has been decided.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        while try release.run(db, page, { freed.count($0.size) }), !page.isOver {
            guard freed.bytes < excess else { return true }
            if position < waiting.count {
                let image = waiting[position]
                position += 1
                try consider(db, image)
            } else {
                guard nextPass() else { return true }
            }
        }
        return false
    }

    private mutating func consider(_ db: Database, _ image: EvictionCandidate) throws {
        let images: [EvictionCandidate]
        switch pass {
        case .single: images = [image]
        case .together:
            guard left[image.digest] != nil else { return }
            let digests = try release.namesakes(db, of: image.digest, ifAll: { left[$0] != nil }) ?? []
            images = digests.compactMap { left[$0] }
        }
        guard !images.isEmpty, try release.takeNames(db, of: images.map(\.digest)) else { return rest.append(image) }
        for image in images { left[image.digest] = nil }
        evictions.append(Eviction(images: images))
        isChanged = true
    }

    /// - Returns: whether there is anything to look at again.
    private mutating func nextPass() -> Bool {
        guard !rest.isEmpty, isChanged || pass == .single else { return false }
        pass = isChanged ? .single : .together
        (waiting, rest, position, isChanged) = (rest, [], 0, false)
        left = pass == .single ? [:] : Dictionary(uniqueKeysWithValues: waiting.map { ($0.digest, $0) })
        return true
    }
}
