import FoundationEssentials
import GRDB
import OCI

/// Finds the files under `blobs/` that the index does not know, without looking at the others closer than by name.
struct Orphans: Sendable {
    let store: Store

    /// All of them.
    ///
    /// - Throws: ``CacheError``; a directory that cannot be read to its end is one.
    func all() async throws -> [StoredFile] {
        var orphans: [StoredFile] = []
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
