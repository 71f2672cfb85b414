import Glibc
import Logging
import OCI

/// Puts damaged blobs aside, as evidence that is never served.
struct Quarantine: Sendable {
    /// What became of a damaged file.
    enum Outcome: Sendable {
        case putAside
        /// Another file has its name already, or none has.
        case gone
        /// It stays in its place, because the cache is only read or its disk has failed.
        case kept
    }

    /// Where nobody may be kept waiting, a shard's lock, which is held for milliseconds, is tried for so long.
    private static let shortPatience = Duration.milliseconds(100)
    private static let pause = Duration.milliseconds(2)

    let store: Store

    /// Puts a file aside and says so in the index, waiting for whoever works on its shard.
    ///
    /// - Throws: ``CacheError`` (`locked`) where that lasts longer than the lock timeout: then the file is in its place.
    @discardableResult
    func putAside(_ file: OpenFile, _ digest: Digest) async throws -> Outcome {
        guard isPossible(digest, file) else { return .kept }
        return try await store.locks.holding(StoreLocks.shard(digest)) {
            let outcome = try move(file, digest)
            try await store.blobs.markMissing([digest])
            return outcome
        }
    }

    /// The same on a thread that may wait: not one of the cooperative pool, nor the index's.
    @discardableResult
    func putAsideWaiting(_ file: OpenFile, _ digest: Digest) throws -> Outcome {
        try putAside(file, digest, within: store.configuration.lockTimeout)
    }

    /// The same where the caller goes on as if the blob were not there; one that cannot be put aside at once is found
    /// again.
    func putAsideIfFree(_ file: OpenFile, _ digest: Digest) {
        do {
            try putAside(file, digest, within: Self.shortPatience)
        } catch {
            store.configuration.logger.warning(
                "a damaged blob could not be put aside",
                metadata: ["digest": "\(digest)", "error": "\(error)"]
            )
        }
    }

    @discardableResult
    private func putAside(_ file: OpenFile, _ digest: Digest, within limit: Duration) throws -> Outcome {
        guard isPossible(digest, file) else { return .kept }
        let name = StoreLocks.shard(digest)
        var patience = Patience(limit: limit)
        while true {
            if let lock = try store.locks.tryAcquire(name, .exclusive) {
                defer { lock.unlock() }
                return try move(file, digest)
            }
            guard patience.allowsWaiting(at: store.locks.version(of: name), for: Self.pause) else {
                throw try store.locks.busy(name)
            }
            usleep(UInt32(Self.pause / .microseconds(1)))
        }
    }

    /// Whether what stands in a blob's place may be put aside; a file that turned out damaged is remembered, as it may have
    /// to stay.
    private func isPossible(_ digest: Digest, _ damaged: OpenFile? = nil) -> Bool {
        // Nothing is put aside once the disk fails: what it says of a file then need not be so.
        guard !store.health.isFailed else { return false }
        let isNews = (try? damaged?.status().version).map(store.health.noteDamaged) ?? true
        guard store.isReadOnly else { return true }
        guard isNews else { return false }
        store.configuration.logger.warning(
            "a blob is damaged, and cannot be put aside because the cache is only read",
            metadata: ["digest": "\(digest)"]
        )
        return false
    }

    /// Only with the lock of the digest's shard.
    private func move(_ file: OpenFile, _ digest: Digest) throws(CacheError) -> Outcome {
        let directory = store.directory
        let name = "\(Ingest.name(digest)).\(store.now)"
        guard try directory.blobs.isCurrent(file, digest) else { return .gone }
        do throws(SystemError) {
            try directory.blobs.moveAside(digest, to: directory.quarantine, name)
            try Evidence(directory).bound()
        } catch {
            throw CacheError(error, "put aside", path: directory.path, digest: digest)
        }
        store.configuration.logger.warning(
            "a blob was damaged; it has been put aside",
            metadata: ["digest": "\(digest)", "file": "\(directory.quarantine.path)/\(name)"]
        )
        return .putAside
    }

    /// Puts aside what stands in a blob's place and is no file: a link, a pipe or a directory would keep the blob away for
    /// ever.
    ///
    /// - Returns: whether there was such a thing.
    /// - Throws: ``CacheError``.
    func clearPlace(of digest: Digest) async throws -> Bool {
        guard try store.directory.blobs.holdsNoFile(digest), isPossible(digest) else { return false }
        return try await store.locks.holding(StoreLocks.shard(digest)) {
            guard try store.directory.clearPlace(of: digest, store.configuration) else { return false }
            try await store.blobs.markMissing([digest])
            return true
        }
    }
}

extension StoreDirectory {
    /// Puts aside what stands in a blob's place and is no file; only with the lock of the digest's shard.
    ///
    /// - Returns: whether there was such a thing.
    func clearPlace(of digest: Digest, _ configuration: CacheConfiguration) throws(CacheError) -> Bool {
        guard try blobs.holdsNoFile(digest) else { return false }
        let name = "\(Ingest.name(digest)).\(configuration.now())"
        do throws(SystemError) {
            try blobs.moveAside(digest, to: quarantine, name)
            try Evidence(self).bound()
        } catch {
            throw CacheError(error, "put aside", path: blobs.path(of: digest), digest: digest)
        }
        configuration.logger.warning(
            "what stood in a blob's place was no file; it has been put aside",
            metadata: ["digest": "\(digest)", "file": "\(quarantine.path)/\(name)"]
        )
        return true
    }
}
