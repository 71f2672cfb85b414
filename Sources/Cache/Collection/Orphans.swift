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
    /// What was written just now stays, although nothing keeps it.
    var recent = RecentUse.never
    /// What stays as it is.
    var spared: Set<Digest> = []

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
    /// Nobody is waited for. What a file consists of on which somebody works is known by reading it.
    ///
    /// - Returns: the files that nothing keeps, and what must stay although no row says so.
    func adoptKept(among files: [StoredFile]) async throws -> (garbage: [Sweep.Candidate], busy: Set<Digest>) {
        var rest = files
        var busy: Set<Digest> = []
        while true {
            let (kept, garbage) = try await judge(rest)
            guard !kept.isEmpty else { return (garbage, busy) }
            let adopted = try await Adoption(store: store).run(kept, areUsed: false)
            busy.formUnion(try await contents(of: kept.filter { !adopted.contains($0.digest) }))
            let others = Set(garbage.map(\.digest)).subtracting(busy)
            rest = rest.filter { others.contains($0.digest) }
        }
    }

    /// Which files without a row something keeps, and says what they are, and which nothing does that are older than the
    /// grace.
    func judge(_ files: [StoredFile]) async throws -> (kept: [Descriptor], garbage: [Sweep.Candidate]) {
        let start = (search: KeeperSearch(protection), position: 0, kept: [Descriptor](), garbage: [Sweep.Candidate]())
        let judged = try await store.index.readPages(start) { [recent, spared] state, db, page in
            while state.position < files.count, !page.isOver {
                let file = files[state.position]
                state.position += 1
                guard !spared.contains(file.digest) else { continue }
                if try state.search.isKept(db, file.digest) || References.isAwaited(db, file.digest) {
                    if let blob = try db.manifests.expected(file.digest, size: file.size) { state.kept.append(blob) }
                } else if !recent.contains(file.modifiedAt) {
                    state.garbage.append(Sweep.Candidate(file))
                }
            }
            return state.position == files.count
        }
        return (judged.kept, judged.garbage)
    }

    /// What some files consist of, as far as it is here, by reading them.
    func contents(of blobs: [Descriptor]) async throws -> Set<Digest> {
        guard !blobs.isEmpty else { return [] }
        return try await blocking { [files = store.directory.blobs] in
            Set(try files.closure(of: Set(blobs.map(\.digest))).map(\.blob.digest))
        }
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
