import GRDB
import OCI

/// One name of an image, with the image's bytes as far as they are known.
struct NameRow: Sendable {
    /// Where a walk through all names stands: by their whole key, as a tag may name one image that is whole and a newer
    /// one of which a server has brought parts.
    struct Position: Hashable, Sendable {
        static let start = Position(host: "", repository: "", name: "", isWhole: false)

        let host: String
        let repository: String
        let name: String
        let isWhole: Bool

        /// Whether both are the same name, of whatever images.
        func isNameOf(_ other: Position) -> Bool {
            (host, repository, name) == (other.host, other.repository, other.name)
        }
    }

    let position: Position
    let digest: Digest
    /// `nil` where something has changed since they were summed.
    let bytes: Int64?

    init(_ row: Row) throws {
        position = Position(host: row[0], repository: row[1], name: row[2], isWhole: row[5])
        digest = try row.decode(Digest.self, atIndex: 3)
        let sum: Int64 = row[4]
        bytes = sum >= 0 ? sum : nil
    }

    /// So many names in order, after a position.
    static func next(_ db: Database, after position: Position, limit: Int) throws -> [NameRow] {
        try rows(db, after: position, limit: limit).map(NameRow.init)
    }

    /// As ``next(_:after:limit:)``, with the columns of an `ImageReference` by name; perhaps only some.
    static func rows(
        _ db: Database,
        after position: Position,
        limit: Int,
        where condition: String = "TRUE"
    ) throws -> [Row] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, digest, bytes, is_whole FROM names
                WHERE (host, repository, reference, is_whole) > (?, ?, ?, ?) AND \(condition)
                ORDER BY host, repository, reference, is_whole LIMIT ?
                """
        )
        return try Row.fetchAll(
            statement,
            arguments: [position.host, position.repository, position.name, position.isWhole, limit]
        )
    }

    /// One name of an image.
    static func first(_ db: Database, of digest: Digest) throws -> NameRow? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, digest, bytes, is_whole FROM names
                WHERE digest = ? ORDER BY host, repository, reference, is_whole LIMIT 1
                """
        )
        return try Row.fetchOne(statement, arguments: [digest]).map(NameRow.init)
    }

    /// Whether it is the first name of its image.
    func isFirst(_ db: Database) throws -> Bool { try Self.first(db, of: digest)?.position == position }
}
