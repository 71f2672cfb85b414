import FoundationEssentials
package import GRDB
package import OCI

// How the values of the domain stand in columns. What a column cannot have held when it was written means that the
// index is damaged: reading it throws, and nothing is ever left out in silence.

extension Digest: DatabaseValueConvertible {
    /// The digest as a key of a table: one byte for the algorithm, then the hash.
    var key: Data {
        let algorithm: UInt8 =
            switch algorithm {
            case .sha256: 1
            case .sha512: 2
            }
        return Data([algorithm] + bytes)
    }

    /// - Returns: `nil` for what ``key`` never gives.
    init?(key: Data) {
        let algorithm: Digest.Algorithm
        switch key.first {
        case 1: algorithm = .sha256
        case 2: algorithm = .sha512
        default: return nil
        }
        self.init(algorithm: algorithm, bytes: Array(key.dropFirst()))
    }

    package var databaseValue: DatabaseValue { key.databaseValue }

    package static func fromDatabaseValue(_ value: DatabaseValue) -> Digest? {
        Data.fromDatabaseValue(value).flatMap(Digest.init(key:))
    }
}

extension Digest: StatementColumnConvertible {
    /// Reads a row's column without a value between.
    package init?(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(key: Data(sqliteStatement: sqliteStatement, index: index))
    }
}

extension Digest? {
    /// Where a walk through a column of digests goes on: behind this one, or before all of them.
    var place: DatabaseValue { self?.databaseValue ?? Data().databaseValue }
    /// Where a part of such a walk ends: with this one, or behind all of them.
    var end: DatabaseValue { self?.databaseValue ?? Data([.max]).databaseValue }
}

/// A value that stands in a column as people write it.
private protocol TextColumn: DatabaseValueConvertible, CustomStringConvertible {
    init(column text: String) throws
}

extension TextColumn {
    var textValue: DatabaseValue { description.databaseValue }

    static func value(of text: DatabaseValue) -> Self? {
        String.fromDatabaseValue(text).flatMap { try? Self(column: $0) }
    }
}

extension RegistryHost: TextColumn {
    fileprivate init(column text: String) throws { try self.init(text) }
    package var databaseValue: DatabaseValue { textValue }
    package static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { self.value(of: value) }
}

extension RepositoryName: TextColumn {
    fileprivate init(column text: String) throws { try self.init(text) }
    package var databaseValue: DatabaseValue { textValue }
    package static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { self.value(of: value) }
}

extension TagName: TextColumn {
    fileprivate init(column text: String) throws { try self.init(text) }
    package var databaseValue: DatabaseValue { textValue }
    package static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { self.value(of: value) }
}

extension MediaType: TextColumn {
    fileprivate init(column text: String) throws { try self.init(text) }
    package var databaseValue: DatabaseValue { textValue }
    package static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { self.value(of: value) }
}

/// A tag, or a digest: the only one of both that holds a colon.
extension Reference: TextColumn {
    fileprivate init(column text: String) throws {
        self = text.contains(":") ? .digest(try Digest(text)) : .tag(try TagName(text))
    }
    package var databaseValue: DatabaseValue { textValue }
    package static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { self.value(of: value) }
}

/// From the columns `host` and `repository`.
extension RepositoryReference: FetchableRecord {
    package init(row: Row) throws {
        self.init(
            host: try row.decode(RegistryHost.self, forColumn: "host"),
            repository: try row.decode(RepositoryName.self, forColumn: "repository")
        )
    }
}

/// From the columns `host`, `repository` and `reference`.
extension ImageReference: FetchableRecord {
    package init(row: Row) throws {
        self.init(
            location: try RepositoryReference(row: row),
            reference: try row.decode(Reference.self, forColumn: "reference")
        )
    }
}

/// From the columns `digest`, `media_type` and `size`.
extension Descriptor: FetchableRecord {
    package init(row: Row) throws {
        let descriptor = Descriptor(
            mediaType: try row.decode(MediaType.self, forColumn: "media_type"),
            digest: try row.decode(Digest.self, forColumn: "digest"),
            size: try row.decode(Int64.self, forColumn: "size")
        )
        guard let descriptor else { throw DamagedRow(table: "blobs") }
        self = descriptor
    }
}

/// A row that cannot have been written so.
struct DamagedRow: Error, CustomStringConvertible {
    let table: String

    var description: String { "a row of \(table) holds what nobody wrote" }
}
