import GRDB

/// The tables, as migrations in order.
///
/// Append only; a released one never changes.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 content") { db in
            try db.execute(sql: content)
        }
        migrator.registerMigration("2 names") { db in
            try db.execute(sql: names)
        }
        migrator.registerMigration("3 leases") { db in
            try db.execute(sql: leases)
        }
        migrator.registerMigration("4 keepers") { db in
            try db.execute(sql: References.counts)
            try db.execute(sql: "UPDATE tags SET bytes = \(References.imageBytes(of: "tags.digest", .claimed))")
        }
        migrator.registerMigration("5 reservations") { db in
            try db.execute(sql: reservations)
        }
        migrator.registerMigration("6 imports") { db in
            try db.execute(sql: ImportRows.schema)
        }
        migrator.registerMigration("7 pulled names") { db in
            try db.execute(sql: pulledNames)
        }
        migrator.registerMigration("8 one table of names") { db in
            try db.execute(sql: oneTableOfNames)
            try db.execute(sql: unreadColumns)
        }
        migrator.registerMigration("9 image bytes") { db in
            try db.execute(sql: References.imageBytesKept)
        }
        migrator.registerMigration("10 lists of referrers") { db in
            try db.execute(sql: referrers)
            try db.execute(sql: ReferrerRows.assumption(of: "TRUE"))
            try db.execute(sql: References.listsKeep)
        }
        migrator.registerMigration("11 unkept blobs by themselves") { db in
            try db.execute(sql: References.unkeptAlone)
        }
        migrator.registerMigration("12 copies") { db in
            try db.execute(sql: CopyRows.schema)
        }
        migrator.registerMigration("13 given referrers") { db in
            try db.execute(sql: GivenRows.withoutSources)
            try db.execute(sql: GivenRows.taken)
        }
        migrator.registerMigration("14 sources of given referrers") { db in
            try db.execute(sql: GivenRows.withSources)
        }
        migrator.registerMigration("15 awaited images") { db in
            try db.execute(sql: ImportRows.tops)
        }
        migrator.registerMigration("16 doubted tags") { db in
            try db.execute(sql: DoubtRows.schema)
        }
        migrator.registerMigration("17 superseded names") { db in
            try db.execute(sql: NameRows.superseded)
        }
        migrator.registerMigration("18 answers about referrers") { db in
            try db.execute(sql: ReferrerAnswerRows.schema)
        }
        migrator.registerMigration("19 named referrers stay listed") { db in
            try db.execute(sql: References.namedStayListed)
        }
        migrator.registerMigration("20 indexes made here") { db in
            try db.execute(sql: CopyRows.made)
        }
        migrator.registerMigration("21 choices of platforms") { db in
            try db.execute(sql: CopyRows.choices)
        }
        return migrator
    }

    private static let content = """
        CREATE TABLE meta (
            key TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE blobs (
            digest BLOB NOT NULL PRIMARY KEY,
            size INTEGER NOT NULL CHECK (size >= 0),
            state TEXT NOT NULL CHECK (state IN ('ok', 'missing', 'deleting')),
            verified_at INTEGER,
            committed_at INTEGER NOT NULL,
            used_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX blobs_not_ok ON blobs (state) WHERE state <> 'ok';
        CREATE INDEX blobs_used ON blobs (used_at);
        CREATE TABLE manifests (
            digest BLOB NOT NULL PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
            media_type TEXT NOT NULL,
            artifact_type TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE edges (
            parent BLOB NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('child', 'config', 'layer', 'subject')),
            position INTEGER NOT NULL,
            child BLOB NOT NULL,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (parent, kind, position)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX edges_child ON edges (child);
        CREATE TABLE blob_sources (
            digest BLOB NOT NULL REFERENCES blobs (digest) ON DELETE CASCADE,
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            PRIMARY KEY (digest, host, repository)
        ) STRICT, WITHOUT ROWID;
        """

    private static let names = """
        CREATE TABLE tags (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            tag TEXT NOT NULL,
            digest BLOB NOT NULL REFERENCES manifests (digest),
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (host, repository, tag)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX tags_digest ON tags (digest);
        CREATE TABLE tag_history (
            id INTEGER PRIMARY KEY,
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            tag TEXT NOT NULL,
            digest BLOB NOT NULL,
            since INTEGER NOT NULL,
            until INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX tag_history_tag ON tag_history (host, repository, tag);
        """

    private static let leases = """
        CREATE TABLE leases (
            id TEXT NOT NULL PRIMARY KEY,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE lease_items (
            lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
            digest BLOB NOT NULL,
            PRIMARY KEY (lease, digest)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX lease_items_digest ON lease_items (digest);
        """

    private static let reservations = """
        CREATE TABLE reservations (
            digest BLOB NOT NULL PRIMARY KEY,
            lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
            bytes INTEGER NOT NULL CHECK (bytes >= 0)
        ) STRICT, WITHOUT ROWID;
        """

    private static let pulledNames = """
        CREATE TABLE pulled_names (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            reference TEXT NOT NULL,
            digest BLOB NOT NULL REFERENCES manifests (digest),
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (host, repository, reference)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX pulled_names_digest ON pulled_names (digest);
        CREATE VIEW names AS
            SELECT host, repository, tag AS reference, digest, updated_at FROM tags
            UNION ALL
            SELECT host, repository, reference, digest, updated_at FROM pulled_names;
        """

    /// Tags and pulled names become one table; `tags` shows those of whole images.
    private static let oneTableOfNames = """
        DROP VIEW names;
        CREATE TABLE names (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            reference TEXT NOT NULL,
            is_whole INTEGER NOT NULL CHECK (is_whole IN (0, 1)),
            digest BLOB NOT NULL REFERENCES manifests (digest),
            updated_at INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            PRIMARY KEY (host, repository, reference, is_whole)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO names SELECT host, repository, tag, 1, digest, updated_at, bytes FROM tags;
        INSERT INTO names SELECT host, repository, reference, 0, digest, updated_at, 0 FROM pulled_names;
        CREATE INDEX names_digest ON names (digest);
        DROP TABLE tags;
        DROP TABLE pulled_names;
        CREATE VIEW tags AS
            SELECT host, repository, reference AS tag, digest, updated_at, bytes FROM names WHERE is_whole;
        CREATE INDEX tag_history_until ON tag_history (until);
        """

    /// What repositories list as referring to a manifest, in their order; it need not be here.
    private static let referrers = """
        CREATE TABLE referrers (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            subject BLOB NOT NULL,
            position INTEGER NOT NULL,
            referrer BLOB NOT NULL CHECK (referrer <> subject),
            PRIMARY KEY (host, repository, subject, position)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX referrers_subject ON referrers (subject, referrer);
        CREATE INDEX referrers_referrer ON referrers (referrer);
        """

    private static let unreadColumns = """
        ALTER TABLE manifests DROP COLUMN artifact_type;
        ALTER TABLE leases DROP COLUMN created_at;
        ALTER TABLE leases DROP COLUMN expires_at;
        """
}
