extension CacheIndex {
    /// Figures that triggers keep, so that neither the statistics nor a collection have to read everything.
    ///
    /// A blob's `keepers` are the references of manifests that keep it: as a child, config or layer, and as a referrer
    /// of a subject that is here. Names and leases don't count. References form no circle, because each is a hash of
    /// what it leads to, so what loses its last keeper and has no name is kept by nothing.
    static let keeperCounts = """
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

    /// All that a manifest keeps, itself included, as `closure (digest)`; the manifest is the expression given.
    static func closure(of manifest: String) -> String {
        """
        WITH RECURSIVE closure (digest) AS (
            SELECT \(manifest)
            UNION
            SELECT edges.child FROM edges JOIN closure ON edges.parent = closure.digest WHERE edges.kind <> 'subject'
            UNION
            SELECT edges.parent FROM edges JOIN closure ON edges.child = closure.digest WHERE edges.kind = 'subject'
        )
        """
    }

    /// The bytes of an image, in SQL; the manifest is the expression given.
    static func imageBytes(of manifest: String) -> String {
        """
        (\(closure(of: manifest))
        SELECT coalesce(sum(size), 0) FROM closure JOIN blobs USING (digest) WHERE state <> 'missing')
        """
    }
}
