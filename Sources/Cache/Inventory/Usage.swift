import GRDB
import Glibc
import OCI

/// How much the cache holds.
package struct CacheUsage: Hashable, Sendable {
    /// Blobs on the disk.
    package var blobs = 0
    /// Their bytes.
    package var bytes: Int64 = 0
    /// Tags that name an image, whether all of it is here or what clients have asked for.
    package var tags = 0
    /// Digests that clients have pulled images by.
    package var digests = 0
    /// Bytes that the images of all names would take if none shared anything; what is not here of them takes none.
    package var logicalBytes: Int64 = 0
    /// Bytes that nothing refers to; a collection frees them once they are older than its grace.
    package var unreferencedBytes: Int64 = 0
    /// Bytes that no image of the cache's own names needs: also what entries of others in `index.json` name, and what
    /// volumes have brought whose others are awaited.
    package var unnamedBytes: Int64 = 0
    /// Downloads that were interrupted and that nobody goes on with now.
    package var partials = 0
    /// What they take on the disk, with what is set aside for their ends; not counted among ``bytes``.
    package var partialBytes: Int64 = 0
    /// Blobs of archives that are not taken over yet: of imports that are at work or were interrupted, or whose other
    /// volumes are awaited.
    package var staged = 0
    /// What they take on the disk; not counted among ``bytes``.
    package var stagedBytes: Int64 = 0
    /// Damaged blobs that were put aside; they go as soon as their room is wanted.
    package var quarantined = 0
    /// Their bytes; not counted among ``bytes``.
    package var quarantinedBytes: Int64 = 0

    package init() {}

    /// Bytes that sharing saves.
    package var savedBytes: Int64 { max(0, logicalBytes - (bytes - unnamedBytes)) }
}

/// Sums up the index in short transactions.
struct UsageWalk: Sendable {
    var usage = CacheUsage()
    private var unnamed = Garbage(.named)
    private var unreferenced = Garbage(.lasting)
    private var names: NameRow.Position? = .start
    private var unsummed: [Digest] = []

    /// - Returns: whether everything has been read.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        while let position = names {
            guard !page.isOver else { return false }
            let totals = try NameTotals(db, after: position)
            usage.tags += totals.tags
            usage.digests += totals.digests
            usage.logicalBytes += totals.bytes
            unsummed += totals.unsummed
            names = totals.end
        }
        while let digest = unsummed.popLast() {
            usage.logicalBytes += try ImageBytes.sum(db, of: digest)
            guard !page.isOver else { return false }
        }
        guard try Self.sum(&unnamed, &usage.unnamedBytes, db, page) else { return false }
        if try ImportRows(db: db).awaitNothing() {
            usage.unreferencedBytes = usage.unnamedBytes
        } else {
            guard try Self.sum(&unreferenced, &usage.unreferencedBytes, db, page) else { return false }
        }
        if let row = try Row.fetchOne(db, sql: "SELECT blobs, bytes FROM totals") {
            usage.blobs = row[0]
            usage.bytes = row[1]
        }
        return true
    }
}

extension UsageWalk {
    private static func sum(
        _ garbage: inout Garbage,
        _ bytes: inout Int64,
        _ db: Database,
        _ page: ReadPage
    ) throws -> Bool {
        var found: Int64 = 0
        defer { bytes += found }
        return try garbage.run(db, page) { found += $0.size }
    }
}

/// What nothing needs any more, and a collection leaves for the time being because it was used lately.
package struct RecentGarbage: Hashable, Sendable {
    package var blobs = 0
    /// In bytes.
    package var bytes: Int64 = 0
    /// When a collection can have all of it, in seconds since 1970; `nil` when there is none.
    package var until: Int64?

    package init() {}
}
