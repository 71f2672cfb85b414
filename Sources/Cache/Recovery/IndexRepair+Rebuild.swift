import FoundationEssentials
import GRDB
import Glibc
import Logging
import NIOCore
import OCI

extension IndexRepair {
    private static let scratchName = "index.rebuild.sqlite"
    /// What it is called once it is whole, until it has its place.
    private static let wholeName = "index.rebuild.sqlite.whole"

    /// Makes an index out of the newest good backup, the blobs and the tags that `index.json` names, beside its place,
    /// then moves it there.
    ///
    /// Blobs are taken over by their names, unverified; manifests are hashed and read. A stopped rebuild leaves the former
    /// index where it was, for nothing else may know which names were in it, or a new one that is whole.
    func rebuild(_ former: Former) throws {
        let clear = { for suffix in ["", "-journal"] { try directory.root.remove(Self.scratchName + suffix) } }
        try clear()
        do {
            try make(former)
        } catch {
            // On a full disk its room is wanted, to be set aside again.
            try? clear()
            throw error
        }
        // Closed in order, its journal is empty; it would stay behind under the old name.
        try directory.root.remove(Self.scratchName + "-journal")
        try directory.root.rename(Self.scratchName, to: directory.root, Self.wholeName)
        try directory.root.sync()
        try putInPlace()
    }

    /// Goes on with a rebuild that was stopped when the new index was whole.
    func finishRebuild() throws {
        guard try directory.root.status(Self.wholeName) != nil else { return }
        guard try directory.root.status(CacheIndex.fileName) == nil else {
            return try directory.root.remove(Self.wholeName)
        }
        try putInPlace()
    }

    private func putInPlace() throws {
        // A journal of the index that was lost would be played back into the new one.
        try moveAside([CacheIndex.fileName, "\(CacheIndex.fileName)-journal"])
        // Not before: without its sum a damaged index would be taken for a sound one.
        try directory.root.remove(IndexSum.fileName)
        try directory.root.rename(Self.wholeName, to: directory.root, CacheIndex.fileName)
        try directory.root.sync()
    }

    private func make(_ former: Former) throws {
        let backup = try backups.restore(into: Self.scratchName, of: directory) { giveUp(backupsBefore: $0) }
        let scratch = try CacheIndex(path: "\(directory.path)/\(Self.scratchName)")
        scratch.handle(onError: { _ in }, onFull: { giveUp(backupsBefore: backup) })
        try scratch.migrate(by: configuration.version)
        // Also of a backup that could not be used: it holds nothing that this index is to be replaced for.
        let numbers = [try backups.copies().first?.number, try scratch.backupNumber(), former.backupNumber]
        // What an older index names in addition was removed since.
        let former = try former.isOlder(than: scratch) ? Former() : former
        if let last = numbers.compactMap(\.self).max() { try scratch.withRoom { try scratch.note(backup: last) } }
        let blobs = try directory.blobs.all().compactMap {
            Descriptor(mediaType: .octetStream, digest: $0.digest, size: $0.size)
        }
        let layout = try readLayout()
        if backup != nil || !blobs.isEmpty || !layout.tags.isEmpty {
            let met = try fill(scratch, blobs, try preferred(layout.tags, over: backup))
            try scratch.write { try $0.foreignEntries.replace(with: layout.keptDigests) }
            let losses = try losses(scratch, met, layout, former)
            try tell(losses, scratch, backup, blobs.count)
        }
        try scratch.close()
    }

    /// Tags, and whether they replace what a backup says.
    private struct LayoutTags {
        let tags: [TagRow]
        let areNewer: Bool
    }

    /// Both are written at the end of a run; whichever is newer knows what the last one did.
    private func preferred(_ tags: [TagRow], over backup: IndexBackups.Copy?) throws -> LayoutTags {
        guard let backup, let copied = try directory.backup.status(backup.name)?.modifiedAt,
            let written = try directory.root.status("index.json")?.modifiedAt
        else { return LayoutTags(tags: tags, areNewer: true) }
        return LayoutTags(tags: tags, areNewer: written >= copied)
    }

    /// - Returns: manifests of images that the index knew nothing of.
    private func fill(_ index: CacheIndex, _ blobs: [Descriptor], _ layout: LayoutTags) throws -> [Digest] {
        let now = configuration.now()
        return try index.write { db in
            // Whoever held one is gone: nobody else has the store open now.
            try db.execute(sql: "DELETE FROM leases")
            let present = try db.blobs.sizes()
            // Which repositories list them is not known: the backup is older than they are.
            var (referrers, images): ([Digest], [Digest]) = ([], [])
            for blob in blobs where present[blob.digest] != blob.size {
                let manifest = directory.blobs.manifest(blob)
                try db.blobs.record(blob, verifiedAt: manifest == nil ? nil : now, at: now)
                guard let manifest else { continue }
                try db.manifests.record(manifest)
                if manifest.subject == nil { images.append(blob.digest) } else { referrers.append(blob.digest) }
            }
            let onDisk = Set(blobs.map(\.digest))
            try db.blobs.markMissing(present.keys.filter { !onDisk.contains($0) }, in: directory.blobs)
            for tag in layout.tags { try Self.restore(tag, db, replacing: layout.areNewer, now) }
            for referrer in referrers { try db.referrers.assume(referrer) }
            return images
        }
    }

    private static func restore(_ tag: TagRow, _ db: Database, replacing: Bool, _ now: Int64) throws {
        guard try db.manifests.descriptor(of: tag.descriptor.digest) != nil else { return }
        let current = try db.names.digest(of: tag.tag, in: tag.location)
        guard current == nil || replacing && current != tag.descriptor.digest else { return }
        try db.names.record(tag.tag, of: tag.location, as: tag.descriptor.digest, at: now)
    }

    /// A file that is missing or cut short names less than there was.
    private func readLayout() throws -> LayoutIndex {
        do throws(SystemError) {
            return try LayoutIndex(directory.root) ?? LayoutIndex(parsing: ByteBuffer())
        } catch {
            throw LayoutIndex.unreadable(error, in: directory.root)
        }
    }
}

extension IndexRepair {
    /// What went with an index.
    private struct Losses {
        /// The tags that remain.
        let tags: Int
        let lacking: LackingNames
        /// Whole images that are here and that nothing keeps, where it cannot be told what they were called.
        let nameless: Int
        /// Whether there may be names that were lost and are not known.
        let areUnknown: Bool
    }

    /// How long images without a name wait for a run that names them, in seconds.
    private static let namelessPatience: Int64 = 24 * 3600

    private func losses(
        _ index: CacheIndex,
        _ met: [Digest],
        _ layout: LayoutIndex,
        _ former: Former
    ) throws -> Losses {
        let tags = try NameWalk(index: index).tagsBlocking()
        let (nameless, noted) = try index.read { db in
            let nameless = try met.count {
                try References.isKept(db, $0) == false && db.manifests.unrecorded(in: $0).isEmpty
            }
            return (former.isWhole ? 0 : nameless, try db.meta.notedLackingNames())
        }
        let areUnknown = !layout.isWhole && !former.isWhole
        // Images without a name may be what clients have pulled through, which no run names.
        let end = nameless > 0 ? configuration.now() + Self.namelessPatience : 0
        let names = former.names.union(layout.tags.map(\.reference))
        var lacking = LackingNames(names: names, end: areUnknown ? .max : end)
        for earlier in [noted, former.lacking].compactMap(\.self) { lacking.formUnion(earlier) }
        lacking.names.subtract(tags.map(\.reference))
        return Losses(tags: tags.count, lacking: lacking, nameless: nameless, areUnknown: areUnknown)
    }

    /// Says what was restored and which names were not, in the log and for ``ContentCache/restoration()``.
    private func tell(_ losses: Losses, _ index: CacheIndex, _ backup: IndexBackups.Copy?, _ blobs: Int) throws {
        let now = configuration.now()
        // A new cache in another program's image layout.
        guard backup != nil || losses.tags > 0 || losses.nameless > 0 || !losses.lacking.isOver(at: now) else { return }
        let restoration = IndexRestoration(restoredAt: now, source: backup?.name ?? "index.json", lostNames: [])
        try index.write { try $0.meta.record(losses.lacking, after: restoration, at: now) }
        configuration.logger.notice(
            "the index has been rebuilt",
            metadata: ["blobs": "\(blobs)", "tags": "\(losses.tags)", "from": "\(restoration.source)"]
        )
        let names = losses.lacking.names.map(\.description).sorted()
        if losses.areUnknown, names.isEmpty {
            configuration.logger.warning("index.json could not be read, so that names may be lost with the index")
        }
        if losses.nameless > 0 {
            configuration.logger.warning(
                "images without a name are here, which may be lost with the index; a sync within a day brings back those that it wants",
                metadata: ["count": "\(losses.nameless)"]
            )
        }
        guard !names.isEmpty else { return }
        let shown = names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
        configuration.logger.warning(
            "names were lost with the index; the next sync brings them back",
            metadata: ["count": "\(names.count)", "names": "\(shown)"]
        )
    }
}
