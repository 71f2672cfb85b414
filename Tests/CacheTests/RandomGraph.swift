import CacheSupport
import GRDB
import NIOCore
import OCI

@testable import Cache

/// A small graph of blobs as upstreams could give it: what contains what is without circles, as it is by hash, but lists of
/// referrers lead anywhere.
struct RandomGraph {
    struct Blob {
        let digest: Digest
        let size: Int64
        let isManifest: Bool
        var isNamed = false
        var isLeased = false
        var isAwaited = false
        let usedAt: Int64
        /// Not recorded: known only to those that refer to it.
        let isRecorded: Bool
        let state: String
    }

    static let cutoff: Int64 = 1000

    private(set) var blobs: [Blob] = []
    /// Who contains whom, by position; the same child may be there twice.
    private(set) var contained: [(parent: Int, child: Int)] = []
    /// Lists of referrers, by position, each in one of two repositories.
    private(set) var listed: [(subject: Int, referrer: Int, repository: Int)] = []

    init(using generator: inout some RandomNumberGenerator) {
        let count = Int.random(in: 1...9, using: &generator)
        for number in 0..<count {
            let isRecorded = Int.random(in: 0..<8, using: &generator) > 0
            let isManifest = isRecorded && number > 0 && Int.random(in: 0..<3, using: &generator) > 0
            blobs.append(
                Blob(
                    digest: .of(ByteBuffer(bytes: (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })),
                    size: .random(in: 0...50, using: &generator),
                    isManifest: isManifest,
                    isNamed: isManifest && Int.random(in: 0..<4, using: &generator) == 0,
                    isLeased: Self.isRare(&generator),
                    isAwaited: Self.isRare(&generator),
                    usedAt: Self.isRare(&generator) ? Self.cutoff + 1 : Self.cutoff,
                    isRecorded: isRecorded,
                    state: Self.isRare(&generator) ? "missing" : "ok"
                )
            )
            guard isManifest else { continue }
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                contained.append((number, .random(in: 0..<number, using: &generator)))
            }
        }
        guard count > 1 else { return }
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            let subject = Int.random(in: 0..<count, using: &generator)
            let referrer = Int.random(in: 0..<count, using: &generator)
            if subject != referrer { listed.append((subject, referrer, .random(in: 0...1, using: &generator))) }
        }
    }

    private static func isRare(_ generator: inout some RandomNumberGenerator) -> Bool {
        Int.random(in: 0..<6, using: &generator) == 0
    }

    /// All that is reached from some blobs, themselves included, without another thought.
    func reached(from roots: [Int]) -> Set<Int> {
        var reached: Set<Int> = []
        var open = roots
        while let position = open.popLast() {
            // What is not recorded keeps nothing.
            guard reached.insert(position).inserted, blobs[position].isRecorded else { continue }
            open += contained.filter { $0.parent == position }.map(\.child)
            open += listed.filter { $0.subject == position }.map(\.referrer)
        }
        return reached
    }

    /// Writes it to an empty index, rows of different blobs in any order.
    func write(_ db: Database, using generator: inout some RandomNumberGenerator) throws {
        for table in ["names", "edges", "manifests", "referrers", "blobs", "leases", "import_sets"] {
            try db.execute(sql: "DELETE FROM \(table)")
        }
        try db.execute(sql: "INSERT INTO leases (id) VALUES ('l')")
        try db.execute(sql: "INSERT INTO import_sets (id, expires_at) VALUES (x'01', 9000000)")
        let steps = (0..<(blobs.count + listed.count)).shuffled(using: &generator)
        for step in steps {
            if step < blobs.count { try write(db, blob: step) } else { try write(db, list: step - blobs.count) }
        }
    }

    private func write(_ db: Database, list number: Int) throws {
        let pair = listed[number]
        try db.execute(
            sql: "INSERT INTO referrers (host, repository, subject, position, referrer) VALUES ('h', ?, ?, ?, ?)",
            arguments: ["r\(pair.repository)", blobs[pair.subject].digest, number, blobs[pair.referrer].digest]
        )
    }

    private func write(_ db: Database, blob number: Int) throws {
        let blob = blobs[number]
        if blob.isLeased {
            try db.execute(sql: "INSERT INTO lease_items (lease, digest) VALUES ('l', ?)", arguments: [blob.digest])
        }
        if blob.isAwaited {
            try db.execute(sql: "INSERT INTO import_items (set_id, digest) VALUES (x'01', ?)", arguments: [blob.digest])
        }
        guard blob.isRecorded else { return }
        try db.execute(
            sql: "INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (?, ?, ?, 0, ?)",
            arguments: [blob.digest, blob.size, blob.state, blob.usedAt]
        )
        guard blob.isManifest else { return }
        try db.execute(
            sql: "INSERT INTO manifests (digest, media_type) VALUES (?, 'application/vnd.oci.image.index.v1+json')",
            arguments: [blob.digest]
        )
        for (position, edge) in contained.filter({ $0.parent == number }).enumerated() {
            try db.execute(
                sql:
                    "INSERT INTO edges (parent, kind, position, child, media_type, size) VALUES (?, 'child', ?, ?, '', 0)",
                arguments: [blob.digest, position, blobs[edge.child].digest]
            )
        }
        guard blob.isNamed else { return }
        try db.execute(
            sql: """
                INSERT INTO names (host, repository, reference, is_whole, digest, updated_at, bytes)
                VALUES ('h', ?, ?, 1, ?, 0, -1)
                """,
            arguments: ["r\(number % 2)", "t\(number)", blob.digest]
        )
    }
}
