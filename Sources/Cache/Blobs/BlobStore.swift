package import OCI

/// The only answer to "is it here?".
///
/// The file is the truth; a row of the index is what is known of it. A file without a row is adopted by whoever meets it.
/// What comes in is committed by ``GroupCommit``, and written below `blobs/` by ``BlobFiles`` alone.
package struct BlobStore: Sendable {
    let store: Store

    /// Whether a committed blob of that digest and size is there; looks at the file system alone.
    ///
    /// - Throws: ``CacheError`` when that cannot be found out: then it may be there.
    package func contains(_ descriptor: Descriptor) throws(CacheError) -> Bool {
        guard let status = try store.directory.blobs.status(of: descriptor.digest) else { return false }
        return status.isRegular && status.size == descriptor.size && !store.health.isDamaged(status.version)
    }

    /// A committed blob by its digest alone; looks at the file system alone.
    ///
    /// - Returns: `nil` when it is not there, or was found damaged and could not be put aside.
    /// - Throws: ``CacheError`` when the file cannot be opened, or several others could not be read.
    package func file(_ digest: Digest) throws(CacheError) -> BlobFile? {
        try store.health.check()
        let file = try store.directory.blobs.open(digest) { file throws(SystemError) in
            try BlobFile(digest, file, store.health)
        }
        guard let file, !store.health.isDamaged(file.version) else { return nil }
        return file
    }

    /// Which file is a committed blob at this moment, without opening it; as ``file(_:)``.
    package func version(of digest: Digest) throws(CacheError) -> FileStatus.Version? {
        try store.health.check()
        guard let status = try store.directory.blobs.status(of: digest), status.isRegular,
            !store.health.isDamaged(status.version)
        else { return nil }
        return status.version
    }

    /// Removes a blob's file unless somebody works on it, or puts aside what is none; only with the lock of its shard, and when
    /// its row says that it is being removed.
    ///
    /// - Returns: whether it is gone; not where the system refuses it, which is noted.
    func removeIfIdle(_ digest: Digest) -> Bool {
        do throws(CacheError) {
            _ = try store.directory.clearPlace(of: digest, store.configuration)
            return try store.directory.blobs.removeIfIdle(digest, ingest: store.directory.ingest)
        } catch {
            store.leftovers.note(error)
            return false
        }
    }

    /// Records those of some blobs that are here and have no row, or one that does not say so.
    ///
    /// Costs one question to the index, and one transaction where something was lacking. Safe to repeat.
    ///
    /// - Returns: the digests of those that are here and recorded.
    /// - Throws: ``CacheError`` (`locked` when another process works on one and stands still).
    @discardableResult
    package func adopt(_ descriptors: [Descriptor]) async throws -> Set<Digest> {
        try await Reclaiming.retrying { try await Adoption(store: store).run(descriptors) }
    }

    /// Records what is here of an image and has no row: its manifests bring their edges, and these more of it.
    func adoptImage(_ top: Descriptor) async throws {
        guard !store.isReadOnly else { return }
        var seen: Set<Digest> = []
        var met = [top]
        while true {
            met += try await store.index.read { try $0.manifests.unrecorded(in: top.digest) }
            let new = try met.filter { try contains($0) && seen.insert($0.digest).inserted }
            guard !new.isEmpty else { return }
            try await adopt(new)
            met = []
        }
    }

    /// Notes that a blob was met by its file alone; ``settleLooks()`` sees to its row.
    func note(_ blob: Descriptor) {
        if !store.isReadOnly { store.looks.note(blob) }
    }

    /// Adopts what was met since it was called last; at most one question and one transaction.
    func settleLooks() async throws {
        try await adopt(store.looks.take())
    }

    /// Protects blobs from collection until the cache's scope ends, and notes that they are used.
    ///
    /// Call it once for an image, before asking for its blobs: it is one transaction, and one more where files have to
    /// be adopted. For more than an image has it is several, so that no other process waits long.
    ///
    /// - Returns: the digests of those that are there, whole and recorded.
    package func hold(_ descriptors: [Descriptor]) async throws -> Set<Digest> {
        var held: Set<Digest> = []
        for start in stride(from: 0, to: descriptors.count, by: Self.heldAtOnce) {
            let end = min(start + Self.heldAtOnce, descriptors.count)
            held.formUnion(try await holdAtOnce(Array(descriptors[start..<end])))
        }
        return held
    }

    /// How many one transaction holds; some 0.1 s.
    private static let heldAtOnce = 4000

    private func holdAtOnce(_ descriptors: [Descriptor]) async throws -> Set<Digest> {
        try store.health.check()
        guard !store.isReadOnly else { return Set(try descriptors.filter(contains).map(\.digest)) }
        try store.lease.begin()
        let digests = Set(descriptors.map(\.digest)).sorted()
        let states = try await store.index.write { [lease = store.lease.id, now = store.now] in
            try $0.leases.hold(digests, for: lease, at: now)
        }
        let present = try descriptors.filter(contains)
        var held = Set(present.map(\.digest).filter { states[$0] == .ok })
        // A collection may be between saying so and removing the file: adopting waits for it.
        held.formUnion(try await adopt(present.filter { !held.contains($0.digest) }))
        let here = Set(present.map(\.digest))
        try await markMissing(digests.filter { states[$0] == .ok && !here.contains($0) })
        return held
    }

    /// Notes that files are gone, of those that still are.
    func markMissing(_ digests: [Digest]) async throws {
        guard !digests.isEmpty, !store.isReadOnly else { return }
        try await store.index.write { [directory = store.directory] in
            try $0.blobs.markMissing(digests, in: directory.blobs)
        }
    }
}
