import FoundationEssentials
import GRDB
import OCI

extension ContentCache {
    /// The files under `blobs/` that the index does not know, without looking at the others closer than by name.
    func strayFiles() throws -> [StoredFile] {
        var strays: [StoredFile] = []
        for algorithm in Digest.Algorithm.allCases {
            let blobs = directory.blobs(algorithm)
            do {
                // The index is read first, so that nothing recorded meanwhile is taken for a stray twice.
                let known = try blobs.isEmpty() ? [] : index.heads(algorithm)
                var unknown: [Digest] = []
                try blobs.forEachName { name in
                    guard let head = UInt64(name.prefix(16), radix: 16), !known.containsSorted(head),
                        let digest = try? Digest("\(algorithm.rawValue):\(name)")
                    else { return }
                    unknown.append(digest)
                }
                for digest in try index.unrecorded(unknown) {
                    guard let status = try blobs.status(digest.hex), status.isRegular else { continue }
                    strays.append(StoredFile(digest: digest, size: status.size, modifiedAt: status.modifiedAt))
                }
            } catch let error as SystemError {
                throw CacheError(error, "list", path: blobs.path)
            }
        }
        return strays
    }
}

extension CacheIndex {
    /// The first eight bytes of all hashes, in order: enough to tell nearly every unknown file from the known ones.
    func heads(_ algorithm: Digest.Algorithm) throws(CacheError) -> [UInt64] {
        let bounds = algorithm == .sha256 ? (Data([1]), Data([2])) : (Data([2]), Data([3]))
        return try read { db in
            var heads: [UInt64] = []
            let rows = try Row.fetchCursor(
                db,
                sql: "SELECT digest FROM blobs WHERE digest >= ? AND digest < ? ORDER BY digest",
                arguments: [bounds.0, bounds.1]
            )
            while let row = try rows.next() {
                let head = try row.withUnsafeData(atIndex: 0) { data in
                    data?.dropFirst().prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                }
                if let head { heads.append(head) }
            }
            return heads
        }
    }

    /// Those of some digests that have no row.
    func unrecorded(_ digests: [Digest]) throws(CacheError) -> [Digest] {
        guard !digests.isEmpty else { return [] }
        return try read { db in
            let statement = try db.makeStatement(sql: "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?)")
            return try digests.filter { try Bool.fetchOne(statement, arguments: [$0.key]) == false }
        }
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
