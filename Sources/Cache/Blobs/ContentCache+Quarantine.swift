import Glibc
import Logging
import OCI

extension ContentCache {
    /// How many damaged files are kept as evidence.
    static let quarantineLimit = 32

    /// Puts a damaged blob aside, unless another file has taken its place already.
    func quarantine(_ file: OpenFile, _ digest: Digest) {
        let blobs = directory.blobs(digest.algorithm)
        guard !isReadOnly else {
            return configuration.logger.warning(
                "a blob is damaged, and cannot be put aside because the cache is only read",
                metadata: ["digest": "\(digest)"]
            )
        }
        do {
            guard let lock = try waitForShard(digest) else { return }
            defer { lock.unlock() }
            guard let status = try blobs.status(digest.hex), try file.status().isSameFile(as: status) else { return }
            let name = "\(Partial.name(digest)).\(configuration.now())"
            try blobs.rename(digest.hex, to: directory.quarantine, name)
            try blobs.sync()
            try boundQuarantine()
            configuration.logger.warning(
                "a blob was damaged; it has been put aside",
                metadata: ["digest": "\(digest)", "file": "\(directory.quarantine.path)/\(name)"]
            )
        } catch {
            configuration.logger.warning(
                "a damaged blob could not be put aside",
                metadata: ["digest": "\(digest)", "error": "\(error)"]
            )
        }
    }

    /// Shard locks are held for milliseconds, so that a short wait on this thread is enough.
    private func waitForShard(_ digest: Digest) throws -> OpenFile? {
        for _ in 0..<50 {
            if let lock = try locks.tryAcquire(StoreLocks.shard(digest), .exclusive) { return lock }
            usleep(2000)
        }
        return nil
    }

    private func boundQuarantine() throws {
        let names = try directory.quarantine.names()
        guard names.count > Self.quarantineLimit else { return }
        let byAge = try names.map { (name: $0, age: try directory.quarantine.status($0)?.modifiedAt ?? 0) }
            .sorted { $0.age < $1.age }
        for old in byAge.prefix(names.count - Self.quarantineLimit) { try directory.quarantine.remove(old.name) }
    }
}
