import GRDB
import OCI

/// The bytes of named images: summed when a name is recorded, and again when something below it has changed.
struct ImageBytes: Sendable {
    let index: CacheIndex

    /// The bytes of an image that are there, each blob once, whatever else shares it.
    static func sum(_ db: Database, of digest: Digest) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT \(References.imageBytes(of: "?1"))"),
            arguments: [digest]
        ) ?? 0
    }

    /// Sums those that are not known, so that whoever asks for figures need not; no transaction where all are known.
    func sumUnknown() async throws {
        while true {
            try Task.checkCancellation()
            guard try await index.read({ try Self.unknown($0) }) != nil else { return }
            try await index.write { db in
                let page = ReadPage()
                while !page.isOver, let digest = try Self.unknown(db) { try Self.sumAgain(db, digest) }
            }
        }
    }

    private static func unknown(_ db: Database) throws -> Digest? {
        try Digest.fetchOne(db.cachedStatement(sql: "SELECT digest FROM names WHERE bytes = -1 LIMIT 1"))
    }

    private static func sumAgain(_ db: Database, _ digest: Digest) throws {
        let arguments: StatementArguments = [try sum(db, of: digest), digest]
        try db.executeCached(sql: "UPDATE names SET bytes = ? WHERE digest = ?", arguments: arguments)
        // A name that is found by one index and not by another would be asked for for ever.
        guard db.changesCount > 0 else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
    }
}
