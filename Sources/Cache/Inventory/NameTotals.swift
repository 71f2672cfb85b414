import FoundationEssentials
import GRDB
import OCI

/// What some names in a row come to; summed by SQLite, where a row a time would cost a hundred times as much.
struct NameTotals {
    /// So many names are summed together, which takes some milliseconds.
    private static let chunk = 4096

    /// Tags of an image, whole or not; one name of two images is one tag.
    let tags: Int
    /// Names that are digests.
    let digests: Int
    /// In bytes, of the images whose sum is known.
    let bytes: Int64
    /// Images whose sum is not known, one for each name.
    let unsummed: [Digest]
    /// Where the next ones begin; `nil` after the last name.
    let end: NameRow.Position?

    /// The next names in order, after a position.
    init(_ db: Database, after start: NameRow.Position) throws {
        end = try Self.end(db, after: start)
        // Behind all names where these are the last: to SQLite a BLOB is greater than any TEXT.
        let last: [any DatabaseValueConvertible] = end?.key ?? [Data(), "", "", true]
        let range = StatementArguments(start.key + last)
        let sums = try Row.fetchOne(db.cachedStatement(sql: Self.sums), arguments: range)
        tags = sums?[0] ?? 0
        bytes = sums?[1] ?? 0
        digests = sums?[2] ?? 0
        unsummed = try Digest.fetchAll(db.cachedStatement(sql: Self.unsummed), arguments: range)
    }

    private static func end(_ db: Database, after start: NameRow.Position) throws -> NameRow.Position? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, is_whole FROM names
                WHERE (host, repository, reference, is_whole) > (?, ?, ?, ?)
                ORDER BY host, repository, reference, is_whole LIMIT 1 OFFSET ?
                """
        )
        return try Row.fetchOne(statement, arguments: StatementArguments(start.key + [chunk - 1])).map {
            NameRow.Position(host: $0[0], repository: $0[1], name: $0[2], isWhole: $0[3])
        }
    }

    private static let range = """
        (host, repository, reference, is_whole) > (?1, ?2, ?3, ?4)
        AND (host, repository, reference, is_whole) <= (?5, ?6, ?7, ?8)
        """

    /// A digest has a colon, and no tag has.
    private static let sums = """
        SELECT coalesce(sum(instr(reference, ':') = 0 AND \(NameRows.isNewest)), 0),
            coalesce(sum(bytes) FILTER (WHERE bytes >= 0), 0),
            coalesce(sum(instr(reference, ':') > 0), 0) FROM names WHERE \(range)
        """

    private static let unsummed = "SELECT digest FROM names WHERE bytes < 0 AND \(range)"
}

extension NameRow.Position {
    fileprivate var key: [any DatabaseValueConvertible] { [host, repository, name, isWhole] }
}
