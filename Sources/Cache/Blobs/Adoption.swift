import OCI

/// Gives a row to a file under `blobs/` that has none, or one that says something else: after a kill, a busy index or a
/// full disk between the renaming and the row.
///
/// The row is written under the file's shared lock, which is taken under the lock of its shard: whoever removes a file
/// holds both, so none can go between looking and recording (PROTOCOL.md, C.2a). Many share one transaction.
struct Adoption: Sendable {
    /// How many are on their way at a time.
    private static let parallelism = 32
    /// The first wait for one who is just recording or removing the file; each further one is twice as long.
    private static let firstPause = Duration.milliseconds(2)

    let store: Store

    /// Where they are used, those that somebody is just recording or removing are waited for; otherwise they are left out,
    /// and what is adopted was used when its file was written.
    ///
    /// - Returns: the digests of those that are here and recorded.
    func run(_ descriptors: [Descriptor], areUsed: Bool = true) async throws -> Set<Digest> {
        let here = try descriptors.filter(store.blobs.contains)
        guard !here.isEmpty, !store.isReadOnly else { return Set(here.map(\.digest)) }
        let lacking = try await store.index.read { db in
            try here.filter { try !db.blobs.isRecorded($0) }
        }
        var recorded = Set(here.map(\.digest)).subtracting(lacking.map(\.digest))
        try await withThrowingTaskGroup(of: (Digest, Bool).self) { group in
            var seen: Set<Digest> = []
            for (position, blob) in lacking.filter({ seen.insert($0.digest).inserted }).enumerated() {
                if position >= Self.parallelism, let (digest, isHere) = try await group.next(), isHere {
                    recorded.insert(digest)
                }
                group.addTask { (blob.digest, try await adopt(blob, isUsed: areUsed)) }
            }
            for try await (digest, isHere) in group where isHere { recorded.insert(digest) }
        }
        return recorded
    }

    /// Records one blob, with what it says as a manifest and where it came from, as far as that is known already;
    /// tells whether it is here.
    func adopt(
        _ blob: Descriptor,
        as manifest: Manifest? = nil,
        from origin: RepositoryReference? = nil,
        isUsed: Bool = true
    ) async throws -> Bool {
        guard let file = try await locked(blob, waits: isUsed) else { return false }
        defer { file.unlock() }
        // Its row needs its edges too, and they are right only if its bytes are.
        let manifest = try await blocking(on: .hashing) { try manifest ?? store.manifests.content(of: file, blob) }
        let place = PendingCommit.Place.blobs(usedAt: isUsed ? nil : try file.status().modifiedAt)
        return try await store.commits.commit(
            PendingCommit(manifest?.descriptor ?? blob, file, place, manifest, origin)
        )
    }

    /// - Returns: `nil` when it is not there, or somebody works on it who is not to be waited for.
    private func locked(_ blob: Descriptor, waits: Bool) async throws -> OpenFile? {
        var pause = Self.firstPause
        var patience = Patience(limit: store.configuration.lockTimeout)
        while true {
            var other: OpenFile?
            switch try await attempt(blob) {
            case nil: return nil
            case .taken(let file): return file
            case .busy(let file): other = file
            case .moved: break
            }
            guard waits else { return nil }
            guard patience.allowsWaiting(at: try other?.status().version, for: pause) else {
                throw stalled(blob, other.flatMap(LockHolder.of))
            }
            try await store.configuration.clock.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    private func attempt(_ blob: Descriptor) async throws -> FileLock.Attempt? {
        let digest = blob.digest
        let shard = try await store.locks.acquire(StoreLocks.shard(digest), .exclusive)
        defer { shard.unlock() }
        guard let file = try store.directory.blobs.open(digest, size: blob.size) else { return nil }
        do throws(SystemError) {
            return try store.directory.blobs.lock(file, digest, .shared)
        } catch {
            throw CacheError(error, "lock", path: store.directory.path, digest: digest)
        }
    }

    private func stalled(_ blob: Descriptor, _ holder: LockHolder?) -> CacheError {
        CacheError(
            .locked,
            "record \(blob.digest)",
            digest: blob.digest,
            "another imglife process\(holder.map { " (\($0))" } ?? "") is working on it, and stands still; end that process, "
                + "or raise --lock-timeout"
        )
    }
}
