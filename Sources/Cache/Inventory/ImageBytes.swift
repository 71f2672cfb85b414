import FoundationEssentials
import GRDB

/// The bytes of named images: summed when a name is recorded, and again when something below it has changed.
struct ImageBytes: Sendable {
    let index: CacheIndex

    /// The bytes of an image that are there, each blob once, whatever else shares it.
    static func sum(_ db: Database, of key: Data) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT \(References.imageBytes(of: "?1"))"),
            arguments: [key]
        ) ?? 0
    }

    /// Sums those that are not known, so that whoever asks for figures need not; no transaction where all are known.
    func sumUnknown() async throws {
        while true {
            try Task.checkCancellation()
            let isDone = try await blocking { [index] in
                guard try index.read({ try Self.unknown($0) }) != nil else { return true }
                try index.write { db in
                    let page = ReadPage()
                    while !page.isOver, let key = try Self.unknown(db) { try Self.sumAgain(db, key) }
                }
                return false
            }
            if isDone { return }
        }
    }

    private static func unknown(_ db: Database) throws -> Data? {
        try Data.fetchOne(db.cachedStatement(sql: "SELECT digest FROM names WHERE bytes = -1 LIMIT 1"))
    }

    private static func sumAgain(_ db: Database, _ key: Data) throws {
        let arguments: StatementArguments = [try sum(db, of: key), key]
        try db.executeCached(sql: "UPDATE names SET bytes = ? WHERE digest = ?", arguments: arguments)
    }
}
