import FoundationEssentials
import GRDB
import OCI

/// The files under `blobs/` that the index does not know to be there: a kill, a busy index or a full disk leaves them.
///
/// A collection meets them all, without looking at the others closer than by name. What something recorded keeps is adopted
/// like by anybody else who meets it; the rest goes.
struct Orphans: Sendable {
    let store: Store
    let protection: References.Protection
    let recent: RecentUse
    /// What stays as it is.
    let spared: Set<Digest>

    /// All of them.
    ///
    /// - Throws: ``CacheError``; a directory that cannot be read to its end is one.
    func all() async throws -> [StoredFile] {
        var orphans = try await thoughtMissing()
        let blobs = store.directory.blobs
        for algorithm in Digest.Algorithm.allCases where try await !blocking({ try blobs.isEmpty(algorithm) }) {
            // The index is read first, so that nothing recorded meanwhile is taken for an orphan twice.
            let known = try await heads(algorithm)
            let unknown = try await blocking { [self] in try names(algorithm, without: known) }
            for digest in try await unrecorded(unknown) {
                if let file = try await blocking({ try blobs.file(digest) }) { orphans.append(file) }
            }
        }
        return orphans
    }

    private func names(_ algorithm: Digest.Algorithm, without known: [UInt64]) throws(CacheError) -> [Digest] {
        var unknown: [Digest] = []
        try store.directory.blobs.forEachName(algorithm) { name in
            guard let head = UInt64(name.prefix(16), radix: 16), !known.containsSorted(head),
                let digest = try? Digest("\(algorithm.rawValue):\(name)")
            else { return }
            unknown.append(digest)
        }
        return unknown
    }
}

extension Orphans {
    /// Gives rows to the files that lack them and that something keeps, before anything goes: a manifest keeps more.
    ///
    /// - Returns: the files that nothing keeps.
    func adoptKept(among orphans: [StoredFile]) async throws -> [Sweep.Candidate] {
        var rest = orphans
        while true {
            let (kept, garbage) = try await judge(rest)
            let adopted: Set<Digest>
            do {
                adopted = try await store.blobs.adopt(kept)
            } catch let error as CacheError where error.kind == .locked {
                // Whoever works on it records it.
                return garbage
            }
            guard !adopted.isEmpty, !garbage.isEmpty else { return garbage }
            let others = Set(garbage.map(\.digest))
            rest = rest.filter { others.contains($0.digest) }
        }
    }

    /// Which files without a row something keeps, and says what they are, and which nothing does; none used within the
    /// grace.
    func judge(_ orphans: [StoredFile]) async throws -> (kept: [Descriptor], garbage: [Sweep.Candidate]) {
        let start = (search: KeeperSearch(protection), position: 0, kept: [Descriptor](), garbage: [Sweep.Candidate]())
        let judged = try await store.index.readPages(start) { [recent, spared] state, db, page in
            while state.position < orphans.count, !page.isOver {
                let orphan = orphans[state.position]
                state.position += 1
                guard !recent.contains(orphan.modifiedAt), !spared.contains(orphan.digest) else { continue }
                if try !state.search.isKept(db, orphan.digest) {
                    state.garbage.append(Sweep.Candidate(orphan))
                } else if let blob = try db.manifests.expected(orphan.digest, size: orphan.size) {
                    state.kept.append(blob)
                }
            }
            return state.position == orphans.count
        }
        return (judged.kept, judged.garbage)
    }
}

extension Orphans {
    /// Files that have come back without anybody saying so.
    private func thoughtMissing() async throws -> [StoredFile] {
        let start = (digests: [Digest](), last: Digest?.none)
        let digests = try await store.index.readPages(start) { state, db, page in
            repeat {
                let some = try db.blobs.missing(after: state.last, limit: Self.chunk)
                state.digests += some
                state.last = some.last
            } while state.last != nil && !page.isOver
            return state.last == nil
        }.digests
        return try await blocking { [blobs = store.directory.blobs] in try digests.compactMap(blobs.file) }
    }

    private static let chunk = 1000

    /// The first eight bytes of all hashes, in order: enough to tell nearly every unknown file from the known ones.
    private func heads(_ algorithm: Digest.Algorithm) async throws -> [UInt64] {
        let prefix: UInt8 = algorithm == .sha256 ? 1 : 2
        let start = (heads: [UInt64](), last: Data([prefix]))
        return try await store.index.readPages(start) { state, db, page in
            let rows = try Row.fetchCursor(
                db.cachedStatement(sql: "SELECT digest FROM blobs WHERE digest > ? AND digest < ? ORDER BY digest"),
                arguments: [state.last, Data([prefix + 1])]
            )
            while let row = try rows.next() {
                let head = try row.withUnsafeData(atIndex: 0) { data in
                    data?.dropFirst().prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                }
                if let head { state.heads.append(head) }
                if page.isOver {
                    state.last = row[0]
                    return false
                }
            }
            return true
        }.heads
    }

    /// Those of some digests that have no row.
    private func unrecorded(_ digests: [Digest]) async throws -> [Digest] {
        let start = (found: [Digest](), position: 0)
        return try await store.index.readPages(start) { state, db, page in
            let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?)")
            while state.position < digests.count, !page.isOver {
                let digest = digests[state.position]
                state.position += 1
                if try Bool.fetchOne(statement, arguments: [digest]) == false { state.found.append(digest) }
            }
            return state.position == digests.count
        }.found
    }
}

extension Sweep.Candidate {
    fileprivate init(_ file: StoredFile) {
        self.init(digest: file.digest, size: file.size, lastUse: file.modifiedAt)
    }
}

extension [UInt64] {
    /// Whether a sorted array has the element.
    fileprivate func containsSorted(_ element: UInt64) -> Bool {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low] == element
    }
}
