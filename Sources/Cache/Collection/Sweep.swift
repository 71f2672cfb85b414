import OCI

/// Removes blobs, many at a time: first their rows say so, then the files go, then the rows.
///
/// Two kinds of short transactions, and between these one shard's files after the other. Stopped at any point it leaves
/// rows that say `deleting`, and perhaps their files: the next opening or ``settle()`` finishes or takes that back. Who
/// needs a blob meanwhile waits for its shard's lock and finds it kept or gone.
struct Sweep: Sendable {
    /// Blobs of one batch: so many that each of the 256 shards, which is locked and looked at anew, has several.
    static let size = 4096
    /// Blobs of one transaction, so that none is long.
    private static let transactionSize = 512

    /// A blob that nothing needed when it was looked at.
    struct Candidate: Sendable {
        let digest: Digest
        /// In bytes.
        let size: Int64
        /// In seconds since 1970.
        let lastUse: Int64
    }

    let store: Store
    let protection: References.Protection
    /// What stays although the index knows nothing that keeps it.
    var spared: Set<Digest> = []

    /// Removes those that nothing needs by now, in the order given; keepers come before what they keep.
    ///
    /// - Returns: how much was removed.
    /// - Throws: ``CacheError``; `CancellationError`, between two batches.
    func remove(_ candidates: [Candidate]) async throws -> CollectionTally {
        var removed = CollectionTally()
        var rest = candidates[...]
        while !rest.isEmpty {
            try Task.checkCancellation()
            var marked: [Candidate] = []
            while !rest.isEmpty, marked.count < Self.size {
                let (some, count) = try await mark(rest.prefix(Self.transactionSize))
                rest = rest.dropFirst(count)
                marked += some
            }
            removed += try await removeMarked(marked)
        }
        return removed
    }

    /// Finishes what others left behind that died while they removed it, or takes it back where it is needed again.
    ///
    /// - Parameter waits: whether shards are waited for that somebody works on; else these blobs are left out.
    /// - Returns: how much was removed.
    /// - Throws: ``CacheError``.
    func settle(waits: Bool = true) async throws -> CollectionTally {
        let marked = try await store.index.read { db in
            try db.blobs.deletions().map {
                Candidate(digest: $0, size: try db.blobs.size(of: $0) ?? 0, lastUse: 0)
            }
        }
        var removed = CollectionTally()
        for start in stride(from: 0, to: marked.count, by: Self.size) {
            removed += try await removeMarked(Array(marked[start..<min(start + Self.size, marked.count)]), waits: waits)
        }
        return removed
    }

    /// Says of some blobs that they are being removed, unless something needs them.
    ///
    /// - Returns: those of which it says so, and how many were looked at before the time was over.
    private func mark(_ candidates: ArraySlice<Candidate>) async throws -> (marked: [Candidate], looked: Int) {
        try await store.index.write { db in
            let page = ReadPage()
            var search = KeeperSearch(protection)
            var marked: [Candidate] = []
            var looked = 0
            for candidate in candidates where looked == 0 || !page.isOver {
                looked += 1
                guard !spared.contains(candidate.digest), try !search.isKept(db, candidate.digest) else { continue }
                try db.blobs.beginDeletion(of: candidate.digest, size: candidate.size, lastUse: candidate.lastUse)
                marked.append(candidate)
            }
            return (marked, looked)
        }
    }

    /// Removes the files and the rows of what is marked.
    private func removeMarked(_ marked: [Candidate], waits: Bool = true) async throws -> CollectionTally {
        guard !marked.isEmpty else { return CollectionTally() }
        var removed: [Candidate] = []
        let shards = Dictionary(grouping: marked) { StoreLocks.shard($0.digest) }
        for (shard, members) in shards {
            let lock =
                waits
                ? try await store.locks.acquire(shard, .exclusive) : try store.locks.tryAcquire(shard, .exclusive)
            guard let lock else { continue }
            removed += try await store.locks.holding(lock) { try await removeFiles(of: members) }
        }
        try await forget(removed)
        return removed.reduce(into: CollectionTally()) { $0.count($1.size) }
    }

    /// Removes files, only with the lock of their shard; what is needed again stays.
    ///
    /// One that cannot be removed stays and keeps its row, which says `deleting`.
    ///
    /// - Returns: those whose files are gone.
    private func removeFiles(of members: [Candidate]) async throws -> [Candidate] {
        let (due, needed) = try await decideAgain(members)
        try await takeBack(needed)
        return try await blocking { [blobs = store.blobs] in due.filter { blobs.removeIfIdle($0.digest) } }
    }

    private func decideAgain(_ members: [Candidate]) async throws -> (due: [Candidate], needed: [Candidate]) {
        try await store.index.read { db in
            var search = KeeperSearch(protection)
            var (due, needed): ([Candidate], [Candidate]) = ([], [])
            for member in members where try db.blobs.state(of: member.digest) == .deleting {
                if try search.isKept(db, member.digest) { needed.append(member) } else { due.append(member) }
            }
            return (due, needed)
        }
    }

    private func takeBack(_ needed: [Candidate]) async throws {
        guard !needed.isEmpty else { return }
        try await store.index.write { [blobs = store.directory.blobs] db in
            for candidate in needed {
                // Of one that cannot be looked at nothing is known: who needs it is told why.
                guard let exists = try? blobs.status(of: candidate.digest) != nil else { continue }
                try db.blobs.takeBackDeletion(of: candidate.digest, fileExists: exists)
            }
        }
    }

    private func forget(_ removed: [Candidate]) async throws {
        for start in stride(from: 0, to: removed.count, by: Self.transactionSize) {
            let some = removed[start..<min(start + Self.transactionSize, removed.count)]
            try await store.index.write { db in
                for candidate in some { try db.blobs.finishDeletion(candidate.digest) }
            }
        }
    }
}
