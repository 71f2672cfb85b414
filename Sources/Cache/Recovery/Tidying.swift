import OCI

/// Takes what processes left behind that died out of the way.
///
/// Quick, whatever the cache holds, and safe to repeat. What cannot be removed is left and told of (``Leftovers``).
struct Tidying: Sendable {
    let store: Store

    /// Done at each opening.
    func run() async throws {
        try await blocking { _ = try OldIngests(store: store).remove(isDryRun: false) }
        do {
            try await blocking {
                try removeDeadLeases()
                try Expiry(store: store).run()
            }
            // What a living process is removing is left to it where it is at it.
            _ = try await Sweep(store: store, protection: .collecting(.never)).settle(waits: false)
        } catch let error as CacheError where error.kind == .diskFull {
            // No reason not to open: looking needs none of it, and a collection is what helps.
        }
        try? store.ballast.lay()
    }

    /// Removes the leases of owners that died; what they protected is anybody's again.
    func removeDeadLeases() throws {
        var dead: [String] = []
        let recorded = try store.index.read { try $0.leases.all() }
        let files = Set(try StoreDirectory.names(in: store.directory.leases))
        for name in files where removeIfDead(name) { dead.append(name) }
        let gone = dead.filter(recorded.contains) + recorded.filter { !files.contains($0) }
        if !gone.isEmpty { try LeaseRows.release(gone, in: store.index) }
    }

    /// - Returns: whether it was a dead one's, and is gone.
    private func removeIfDead(_ lease: String) -> Bool {
        let leases = store.directory.leases
        do throws(SystemError) {
            // Held while the file is removed, because its owner may be about to lock what it has just created.
            guard let lock = try leases.lockIfFree(lease) else { return false }
            defer { lock.unlock() }
            try leases.remove(lease)
            return true
        } catch {
            store.leftovers.note(CacheError(error, "remove the lease", path: "\(leases.path)/\(lease)"))
            return false
        }
    }
}
