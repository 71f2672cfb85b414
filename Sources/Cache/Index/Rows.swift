import GRDB

/// The tables, each through a type that owns its rows; and what all of these types use.
extension Database {
    var blobs: BlobRows { BlobRows(db: self) }
    var copies: CopyRows { CopyRows(db: self) }
    var doubts: DoubtRows { DoubtRows(db: self) }
    var given: GivenRows { GivenRows(db: self) }
    var foreignEntries: ForeignEntries { ForeignEntries(db: self) }
    var history: HistoryRows { HistoryRows(db: self) }
    var imports: ImportRows { ImportRows(db: self) }
    var leases: LeaseRows { LeaseRows(db: self) }
    var manifests: ManifestRows { ManifestRows(db: self) }
    var meta: MetaRows { MetaRows(db: self) }
    var names: NameRows { NameRows(db: self) }
    var referrerAnswers: ReferrerAnswerRows { ReferrerAnswerRows(db: self) }
    var referrers: ReferrerRows { ReferrerRows(db: self) }

    /// Runs one statement that is compiled once: with the triggers in it, compiling takes longer than running.
    func executeCached(sql: String, arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// Whether there is a row; what is asked for is a table with its condition.
    func exists(_ rows: String, _ arguments: StatementArguments) throws -> Bool {
        try Bool.fetchOne(
            cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM \(rows))"),
            arguments: arguments
        ) == true
    }
}
