import Glibc
import OCI

extension Store {
    /// Runs `body` while nobody downloads a digest or has just renamed its file without recording it yet.
    ///
    /// Only with the lock of the digest's shard. Whoever downloads holds the lock of the file itself from its beginning
    /// in `ingest/` until the row is durable, and keeps it through the renaming.
    ///
    /// - Returns: `nil` when somebody does.
    func withIdleFile<R>(of digest: Digest, _ body: () throws -> R) throws -> R? {
        do {
            guard let partial = try lockUnlessBusy(Partial.name(digest), in: directory.ingest) else { return nil }
            defer { partial.file?.unlock() }
            guard let blob = try lockUnlessBusy(digest.hex, in: directory.blobs(digest.algorithm)) else { return nil }
            defer { blob.file?.unlock() }
            return try body()
        } catch let error as SystemError {
            throw CacheError(error, "remove \(digest)", path: directory.path, digest: digest)
        }
    }

    /// - Returns: `nil` when another has the lock; without a file when there is none.
    private func lockUnlessBusy(_ name: String, in directory: Directory) throws(SystemError) -> IdleFile? {
        do throws(SystemError) {
            let file = try directory.openFile(name, flags: O_RDONLY)
            return try file.tryLock(.exclusive) ? IdleFile(file: file) : nil
        } catch {
            guard error.code == ENOENT else { throw error }
            return IdleFile(file: nil)
        }
    }
}

/// A file that nobody else works on, or that is not there.
private struct IdleFile {
    let file: OpenFile?
}
