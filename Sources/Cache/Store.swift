/// What the rooms of one opened cache stand on: its directories, locks and index, and what is known of the disk.
///
/// A component (``ContentCache/names`` and the like) is a struct that holds it; none of them knows the facade.
package struct Store: Sendable {
    let configuration: CacheConfiguration
    let directory: StoreDirectory
    let locks: StoreLocks
    let index: CacheIndex
    /// What this scope needs, for as long as it lives.
    private(set) var lease: Lease
    let health: StoreHealth
    let leftovers: Leftovers
    let ballast: Ballast
    let commits: GroupCommit
    let looks = PendingLooks()
    /// Whether it was opened for reading alone, because it cannot be written.
    let isReadOnly: Bool
    /// The index's file as it was opened.
    private let indexFile: FileStatus?

    /// The time in seconds since 1970.
    var now: Int64 { configuration.now() }

    /// The blobs, for the other rooms.
    var blobs: BlobStore { BlobStore(store: self) }

    /// The manifests among them.
    var manifests: StoredManifests { StoredManifests(store: self) }

    init(
        _ configuration: CacheConfiguration,
        _ directory: StoreDirectory,
        _ locks: StoreLocks,
        _ index: CacheIndex,
        _ ballast: Ballast,
        isReadOnly: Bool = false
    ) {
        self.configuration = configuration
        self.directory = directory
        self.locks = locks
        self.index = index
        self.isReadOnly = isReadOnly
        indexFile = try? directory.root.status(CacheIndex.fileName)
        lease = Lease(directory.leases)
        health = StoreHealth(clock: configuration.clock)
        leftovers = Leftovers(logger: configuration.logger)
        self.ballast = ballast
        let batch = CommitBatch(
            directory: directory,
            locks: locks,
            index: index,
            health: health,
            configuration: configuration
        )
        commits = GroupCommit(pulse: configuration.pulse, commitBatch: batch.run)
    }

    /// Has an index that fails end the use of the cache and be looked at by the next opening, and who makes room on a full
    /// disk be given some to work with.
    ///
    /// The index is part of the store, which nothing that it holds may hold in turn: it would stay open for ever.
    func watchIndex() {
        index.handle { [directory, health, isReadOnly] error in
            if !isReadOnly, error.kind == .damagedIndex || error.kind == .inputOutput, !error.isForWantOfDescriptors {
                try? IndexFiles(directory: directory).suspect(error)
            }
            health.note(error)
        } onFull: { [ballast] in
            ballast.giveUp()
        }
    }

    /// The same with a lease of its own.
    func leased() -> Store {
        var store = self
        store.lease = Lease(directory.leases)
        return store
    }

    /// How often it is looked whether the directory and the index are still those that were opened.
    private static let replacementInterval = Duration.seconds(5)

    /// Ends the use of the cache when its directory or its index is another one; returns then, or when the task is cancelled.
    func endWhenReplaced() async {
        while (try? await configuration.pulse.sleep(for: Self.replacementInterval)) != nil {
            guard let part = directory.isReplaced ? "directory" : isIndexReplaced ? "index" : nil else { continue }
            let text = "its \(part) was removed or replaced while it was in use; open it again"
            return health.end(with: CacheError(.inputOutput, "use the cache", path: directory.path, text))
        }
    }

    /// Whether the index was removed, or another file has its name by now: what is written to this one nobody finds again.
    private var isIndexReplaced: Bool {
        guard let indexFile else { return false }
        do throws(SystemError) {
            return try directory.root.status(CacheIndex.fileName).map { !$0.isSameFile(as: indexFile) } ?? true
        } catch {
            return false
        }
    }
}
