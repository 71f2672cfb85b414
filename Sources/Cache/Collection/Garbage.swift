import GRDB
import OCI

/// Goes through all that nothing keeps, in short transactions.
struct Garbage: Sendable {
    /// So many rows are looked at together, which takes some milliseconds.
    private static let chunk = 2048

    private let protection: References.Protection
    private var release: Release
    private var phase = Phase.circles(after: nil, isRead: false)
    /// What may be to go and was not looked at closer yet.
    private var candidates: [Digest] = []
    /// Members of circles that are gone already.
    private var taken: Set<Digest> = []

    /// Where the walk stands.
    private enum Phase {
        /// Among referrers, one of which is in every circle.
        case circles(after: ReferrerRows.Pair?, isRead: Bool)
        /// Among blobs without references.
        case unreferenced(after: Digest?)
        case end
    }

    init(_ protection: References.Protection) {
        self.protection = protection
        release = Release(protection)
    }

    /// Goes on, where what was visited has been removed from the index meanwhile.
    mutating func forgetVisited() {
        release = Release(protection)
        taken = []
    }

    /// The walk over what is left, for taking away more when all garbage is gone.
    var remainder: Release { release }

    /// Visits garbage until the page is over, or `isEnough` says so after a whole image.
    ///
    /// - Returns: whether that was all.
    mutating func run(
        _ db: Database,
        _ page: ReadPage,
        isEnough: () -> Bool = { false },
        _ visit: Release.Visitor
    ) throws -> Bool {
        while true {
            let isSettled = try release.run(db, page) { blob in
                if case .circles = phase, blob.keeps { taken.insert(blob.digest) }
                visit(blob)
            }
            guard isSettled, !page.isOver, !isEnough() else { return false }
            if let key = candidates.popLast() {
                if !taken.contains(key) { try release.takeUnkept(db, key) }
                continue
            }
            switch phase {
            case .circles(let start, false): try readReferrers(db, after: start)
            case .circles(_, true): phase = .unreferenced(after: nil)
            case .unreferenced(let start): try readUnreferenced(db, after: start)
            case .end: return true
            }
        }
    }

    /// Every circle of references has a referrer that keeps something which keeps something itself.
    private mutating func readReferrers(_ db: Database, after start: ReferrerRows.Pair?) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT DISTINCT subject, referrer, EXISTS (
                    SELECT 1 FROM edges AS parts WHERE parts.parent = listed.referrer AND parts.kind <> 'subject' AND (
                        EXISTS (SELECT 1 FROM manifests WHERE manifests.digest = parts.child)
                            OR EXISTS (SELECT 1 FROM referrers AS others WHERE others.subject = parts.child)
                    )
                ) OR EXISTS (SELECT 1 FROM referrers AS others WHERE others.subject = listed.referrer)
                FROM referrers AS listed WHERE (subject, referrer) > (?, ?) ORDER BY subject, referrer LIMIT ?
                """
        )
        let rows = try Row.fetchAll(
            statement,
            arguments: [(start?.subject).place, (start?.referrer).place, Self.chunk]
        )
        candidates = try rows.filter { $0[2] }.map { try $0.decode(Digest.self, atIndex: 1) }
        phase = .circles(after: try rows.last.map(ReferrerRows.Pair.init), isRead: rows.count < Self.chunk)
    }

    /// Nearly all have names; nothing of those is taken out of SQLite.
    private mutating func readUnreferenced(_ db: Database, after start: Digest?) throws {
        let last = try Digest.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT digest FROM blobs WHERE keepers = 0 AND digest > ? ORDER BY digest LIMIT 1 OFFSET \(Self.chunk - 1)
                    """
            ),
            arguments: [start.place]
        )
        candidates = try Digest.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT digest FROM blobs WHERE keepers = 0 AND digest > ?1 AND digest <= ?2
                        AND NOT EXISTS (SELECT 1 FROM names WHERE names.digest = blobs.digest)
                    """
            ),
            arguments: [start.place, last.end]
        )
        phase = last.map { .unreferenced(after: $0) } ?? .end
    }
}
