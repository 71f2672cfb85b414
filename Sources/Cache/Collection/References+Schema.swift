extension References {
    /// Figures that triggers keep, so that neither the statistics nor a collection have to read everything.
    ///
    /// A blob's `keepers` are the references of manifests that keep it: as a child, config or layer, and as a referrer
    /// of a subject that is here. Names and leases don't count.
    static let counts = """
        ALTER TABLE blobs ADD COLUMN keepers INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE tags ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE totals (
            id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
            blobs INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;
        UPDATE blobs SET keepers =
            (SELECT count(*) FROM edges WHERE edges.child = blobs.digest AND edges.kind <> 'subject')
            + (SELECT count(*) FROM edges JOIN blobs AS subjects ON subjects.digest = edges.child
                WHERE edges.parent = blobs.digest AND edges.kind = 'subject');
        INSERT INTO totals (id, blobs, bytes)
            SELECT 1, count(*), coalesce(sum(size), 0) FROM blobs WHERE state <> 'missing';
        CREATE INDEX blobs_unkept ON blobs (digest) WHERE keepers = 0;
        CREATE TRIGGER edge_added AFTER INSERT ON edges BEGIN
            UPDATE blobs SET keepers = keepers + 1 WHERE NEW.kind <> 'subject' AND digest = NEW.child;
            UPDATE blobs SET keepers = keepers + 1 WHERE NEW.kind = 'subject' AND digest = NEW.parent
                AND EXISTS (SELECT 1 FROM blobs AS subjects WHERE subjects.digest = NEW.child);
        END;
        CREATE TRIGGER edge_removed AFTER DELETE ON edges BEGIN
            UPDATE blobs SET keepers = keepers - 1 WHERE OLD.kind <> 'subject' AND digest = OLD.child;
            UPDATE blobs SET keepers = keepers - 1 WHERE OLD.kind = 'subject' AND digest = OLD.parent
                AND EXISTS (SELECT 1 FROM blobs AS subjects WHERE subjects.digest = OLD.child);
        END;
        CREATE TRIGGER blob_added AFTER INSERT ON blobs BEGIN
            UPDATE blobs SET keepers =
                (SELECT count(*) FROM edges WHERE edges.child = NEW.digest AND edges.kind <> 'subject')
                + (SELECT count(*) FROM edges JOIN blobs AS subjects ON subjects.digest = edges.child
                    WHERE edges.parent = NEW.digest AND edges.kind = 'subject')
                WHERE digest = NEW.digest AND (EXISTS (SELECT 1 FROM edges WHERE child = NEW.digest)
                    OR EXISTS (SELECT 1 FROM edges WHERE parent = NEW.digest));
            UPDATE blobs SET keepers = keepers + 1
                WHERE digest IN (SELECT parent FROM edges WHERE child = NEW.digest AND kind = 'subject');
            UPDATE totals SET blobs = blobs + 1, bytes = bytes + NEW.size WHERE NEW.state <> 'missing';
        END;
        CREATE TRIGGER blob_removed BEFORE DELETE ON blobs BEGIN
            UPDATE blobs SET keepers = keepers - 1
                WHERE digest IN (SELECT parent FROM edges WHERE child = OLD.digest AND kind = 'subject');
            UPDATE totals SET blobs = blobs - 1, bytes = bytes - OLD.size WHERE OLD.state <> 'missing';
        END;
        CREATE TRIGGER blob_changed AFTER UPDATE OF size, state ON blobs
            WHEN OLD.size <> NEW.size OR OLD.state <> NEW.state
        BEGIN
            UPDATE totals SET
                blobs = blobs + (NEW.state <> 'missing') - (OLD.state <> 'missing'),
                bytes = bytes + (NEW.state <> 'missing') * NEW.size - (OLD.state <> 'missing') * OLD.size;
        END;
        """

    /// The bytes of each name's image, as far as they are there; -1 where they have changed since they were summed.
    ///
    /// A name that is recorded has them summed; whatever changes below it makes them unknown, until ``ImageBytes`` sums
    /// them again. What is being removed cannot be named meanwhile: recording the name fails.
    static let imageBytesKept = """
        CREATE INDEX edges_subjects ON edges (child) WHERE kind = 'subject';
        UPDATE names SET bytes = -1 WHERE NOT is_whole OR digest IN (
            WITH RECURSIVE changed (digest) AS (
                SELECT child FROM edges WHERE kind = 'subject'
                UNION
                SELECT digest FROM blobs WHERE state = 'missing'
                UNION
                SELECT parent FROM edges JOIN changed ON edges.child = changed.digest WHERE kind <> 'subject'
                UNION
                SELECT child FROM edges JOIN changed ON edges.parent = changed.digest WHERE kind = 'subject'
            )
            SELECT digest FROM changed
        );
        CREATE INDEX names_unsummed ON names (digest) WHERE bytes = -1;
        CREATE TRIGGER image_blob_added AFTER INSERT ON blobs
            WHEN NEW.state <> 'missing' AND EXISTS (SELECT 1 FROM edges WHERE child = NEW.digest)
        BEGIN \(forgetBytes(above: "NEW.digest", .claimed)) END;
        CREATE TRIGGER image_blob_changed AFTER UPDATE OF size, state ON blobs
            WHEN OLD.size <> NEW.size OR (OLD.state = 'missing') <> (NEW.state = 'missing')
        BEGIN \(forgetBytes(above: "NEW.digest", .claimed)) END;
        CREATE TRIGGER image_manifest_added AFTER INSERT ON manifests
        BEGIN \(forgetBytes(above: "NEW.digest", .claimed)) END;
        CREATE TRIGGER image_referrer_added AFTER INSERT ON edges WHEN NEW.kind = 'subject'
        BEGIN \(forgetBytes(above: "NEW.child", .claimed)) END;
        CREATE TRIGGER name_of_removed BEFORE INSERT ON names
            WHEN EXISTS (SELECT 1 FROM blobs WHERE digest = NEW.digest AND state = 'deleting')
        BEGIN SELECT RAISE(ABORT, 'the manifest is being removed'); END;
        """

    /// From now on a subject keeps what repositories list as referring to it, not whatever says so of itself.
    ///
    /// The lists of a repository go with its last name, those of a subject with the subject.
    static let listsKeep = """
        DROP TRIGGER edge_added;
        DROP TRIGGER edge_removed;
        DROP TRIGGER blob_added;
        DROP TRIGGER blob_removed;
        DROP TRIGGER image_blob_added;
        DROP TRIGGER image_blob_changed;
        DROP TRIGGER image_manifest_added;
        DROP TRIGGER image_referrer_added;
        UPDATE names SET bytes = -1 WHERE digest IN (
            WITH RECURSIVE changed (digest) AS (
                SELECT child FROM edges WHERE kind = 'subject'
                UNION
                SELECT parent FROM edges JOIN changed ON edges.child = changed.digest WHERE kind <> 'subject'
                UNION
                SELECT child FROM edges JOIN changed ON edges.parent = changed.digest WHERE kind = 'subject'
            )
            SELECT digest FROM changed
        );
        DROP INDEX edges_subjects;
        UPDATE blobs SET keepers = \(count(of: "blobs.digest"))
            WHERE digest IN (SELECT parent FROM edges WHERE kind = 'subject' UNION SELECT referrer FROM referrers);
        CREATE TRIGGER edge_added AFTER INSERT ON edges WHEN NEW.kind <> 'subject' BEGIN
            UPDATE blobs SET keepers = keepers + 1 WHERE digest = NEW.child;
        END;
        CREATE TRIGGER edge_removed AFTER DELETE ON edges WHEN OLD.kind <> 'subject' BEGIN
            UPDATE blobs SET keepers = keepers - 1 WHERE digest = OLD.child;
        END;
        CREATE TRIGGER referrer_added AFTER INSERT ON referrers
            WHEN EXISTS (SELECT 1 FROM blobs WHERE digest = NEW.subject)
        BEGIN
            UPDATE blobs SET keepers = keepers + 1 WHERE digest = NEW.referrer;
            \(forgetBytes(above: "NEW.subject"))
        END;
        CREATE TRIGGER referrer_removed AFTER DELETE ON referrers
            WHEN EXISTS (SELECT 1 FROM blobs WHERE digest = OLD.subject)
        BEGIN
            UPDATE blobs SET keepers = keepers - 1 WHERE digest = OLD.referrer;
            \(forgetBytes(above: "OLD.subject"))
        END;
        CREATE TRIGGER repository_unnamed AFTER DELETE ON names
            WHEN NOT EXISTS (SELECT 1 FROM names WHERE host = OLD.host AND repository = OLD.repository)
        BEGIN
            DELETE FROM referrers WHERE host = OLD.host AND repository = OLD.repository;
        END;
        CREATE TRIGGER blob_added AFTER INSERT ON blobs BEGIN
            UPDATE blobs SET keepers = \(count(of: "NEW.digest"))
                WHERE digest = NEW.digest AND (EXISTS (SELECT 1 FROM edges WHERE child = NEW.digest)
                    OR EXISTS (SELECT 1 FROM referrers WHERE referrer = NEW.digest));
            UPDATE blobs SET keepers = keepers
                    + (SELECT count(*) FROM referrers WHERE subject = NEW.digest AND referrer = blobs.digest)
                WHERE digest IN (SELECT referrer FROM referrers WHERE subject = NEW.digest);
            UPDATE totals SET blobs = blobs + 1, bytes = bytes + NEW.size WHERE NEW.state <> 'missing';
        END;
        CREATE TRIGGER blob_removed BEFORE DELETE ON blobs BEGIN
            DELETE FROM referrers WHERE subject = OLD.digest;
            UPDATE totals SET blobs = blobs - 1, bytes = bytes - OLD.size WHERE OLD.state <> 'missing';
        END;
        CREATE TRIGGER image_blob_added AFTER INSERT ON blobs
            WHEN NEW.state <> 'missing' AND (EXISTS (SELECT 1 FROM edges WHERE child = NEW.digest)
                OR EXISTS (SELECT 1 FROM referrers WHERE referrer = NEW.digest))
        BEGIN \(forgetBytes(above: "NEW.digest")) END;
        CREATE TRIGGER image_blob_changed AFTER UPDATE OF size, state ON blobs
            WHEN OLD.size <> NEW.size OR (OLD.state = 'missing') <> (NEW.state = 'missing')
        BEGIN \(forgetBytes(above: "NEW.digest")) END;
        CREATE TRIGGER image_manifest_added AFTER INSERT ON manifests
        BEGIN \(forgetBytes(above: "NEW.digest")) END;
        """

    /// From now on what a repository names is listed there also while its subject is gone, as it is where that never came.
    static let namedStayListed = """
        DROP TRIGGER blob_removed;
        CREATE TRIGGER blob_removed BEFORE DELETE ON blobs BEGIN
            DELETE FROM referrers WHERE subject = OLD.digest AND NOT EXISTS (
                SELECT 1 FROM names WHERE (names.host, names.repository, names.digest)
                    = (referrers.host, referrers.repository, referrers.referrer)
            );
            UPDATE blobs SET keepers = keepers
                    - (SELECT count(*) FROM referrers WHERE subject = OLD.digest AND referrer = blobs.digest)
                WHERE digest IN (SELECT referrer FROM referrers WHERE subject = OLD.digest);
            UPDATE totals SET blobs = blobs - 1, bytes = bytes - OLD.size WHERE OLD.state <> 'missing';
        END;
        """

    /// Holds the count too, which SQLite would look up in the table for each blob, all over the file.
    static let unkeptAlone = """
        DROP INDEX blobs_unkept;
        CREATE INDEX blobs_unkept ON blobs (keepers, digest) WHERE keepers = 0;
        """

    /// The references that keep a blob, in SQL; the blob is the expression given.
    private static func count(of blob: String) -> String {
        """
        (SELECT count(*) FROM edges WHERE edges.child = \(blob) AND edges.kind <> 'subject')
            + (SELECT count(*) FROM referrers JOIN blobs AS subjects ON subjects.digest = referrers.subject
                WHERE referrers.referrer = \(blob))
        """
    }

    /// The names of images that a blob belongs to don't know their bytes any more.
    private static func forgetBytes(above blob: String, _ lists: Lists = .listed) -> String {
        """
        UPDATE names SET bytes = -1 WHERE bytes <> -1 AND digest IN (
            \(keepers(of: blob, lists)) SELECT digest FROM keepers
        );
        """
    }
}
