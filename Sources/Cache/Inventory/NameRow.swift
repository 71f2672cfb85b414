import FoundationEssentials
import GRDB
import OCI

/// One name of an image, with the image's bytes as far as they are known.
struct NameRow: Sendable {
    /// Where a walk through all names stands: by host, repository and name.
    struct Position: Sendable {
        static let start = Position(host: "", repository: "", name: "")

        let host: String
        let repository: String
        let name: String
    }

    let position: Position
    let key: Data
    /// `nil` where something has changed since they were summed.
    let bytes: Int64?
    /// Whether it is a tag, which promises the whole image.
    let isTag: Bool

    private init(_ row: Row) {
        position = Position(host: row[0], repository: row[1], name: row[2])
        key = row[3]
        let sum: Int64 = row[4]
        bytes = sum >= 0 ? sum : nil
        isTag = row[5]
    }

    /// So many names in order, after a position.
    static func next(_ db: Database, after position: Position, limit: Int) throws -> [NameRow] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, digest, bytes, is_whole FROM names
                WHERE (host, repository, reference) > (?, ?, ?) ORDER BY host, repository, reference LIMIT ?
                """
        )
        return try Row.fetchAll(
            statement,
            arguments: [position.host, position.repository, position.name, limit]
        ).map(NameRow.init)
    }

    /// Whether it is the first name of its image.
    func isFirst(_ db: Database) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host = ?2 AND repository = ?3 AND reference = ?4 FROM names
                WHERE digest = ?1 ORDER BY host, repository, reference LIMIT 1
                """
        )
        let arguments: StatementArguments = [key, position.host, position.repository, position.name]
        return try Bool.fetchOne(statement, arguments: arguments) == true
    }
}
