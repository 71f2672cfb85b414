import OCI

/// A regular file under `blobs/` that is named by a digest.
struct StoredFile: Sendable {
    let digest: Digest
    let size: Int64
    /// Seconds since 1970.
    let modifiedAt: Int64
}

extension StoreDirectory {
    /// The committed blobs, by algorithm and name; what is named otherwise is left out.
    func storedFiles() throws(CacheError) -> [StoredFile] {
        var files: [StoredFile] = []
        for algorithm in Digest.Algorithm.allCases {
            let directory = blobs(algorithm)
            do throws(SystemError) {
                for name in try directory.names().sorted() {
                    guard let digest = try? Digest("\(algorithm.rawValue):\(name)"),
                        let status = try directory.status(name), status.isRegular
                    else { continue }
                    files.append(StoredFile(digest: digest, size: status.size, modifiedAt: status.modifiedAt))
                }
            } catch {
                throw CacheError(error, "list", path: directory.path)
            }
        }
        return files
    }
}
