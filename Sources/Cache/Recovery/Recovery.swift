import Logging

/// Opening, closing, backing up and restoring the index, and tidying what processes left behind that died.
package struct Recovery: Sendable {
    let store: Store

    /// Whether names were lost with the index and are not back yet: then a collection would take what they named for
    /// garbage.
    package func lacksNames() async throws -> Bool {
        try await store.index.read { [now = store.now] in try $0.meta.lackingNames()?.isOver(at: now) == false }
    }

    /// Notes that a run has recorded all tags that are wanted; safe to repeat, and costs nothing where none were lost.
    package func noteCompleteRun() async throws {
        try await giveUpNames()
    }

    /// Awaits none of the lost names any more; safe to repeat, and costs nothing where none were lost.
    func giveUpNames() async throws {
        guard try await store.index.read({ try $0.meta.notedLackingNames() }) != nil else { return }
        try await store.index.write { [now = store.now] db in
            try db.meta.settleLackingNames(at: now)
            try db.meta.endLack()
        }
    }

    /// Notes which of the lost names are back, so that they may go again; costs no transaction where none are.
    func settleNames() async throws {
        guard try await store.index.read({ try $0.meta.notedLackingNames() != $0.meta.lackingNames() }) else { return }
        try await store.index.write { [now = store.now] in try $0.meta.settleLackingNames(at: now) }
    }

    /// - Throws: ``CacheError`` (`lostNames`) while names are lacking.
    func checkNames() async throws {
        guard try await lacksNames() else { return }
        throw CacheError(
            .lostNames,
            "collect garbage in",
            path: store.directory.path,
            "names were lost with its index, so what they need would be removed: run 'imglife sync' first, "
                + "import the names that 'imglife cache stats' lists, or give them up with 'imglife cache gc --force'"
        )
    }

    /// When the index was restored last, and which names were lost.
    ///
    /// - Returns: `nil` when that never happened.
    package func restoration() async throws -> IndexRestoration? {
        try await store.index.read { try $0.meta.restoration() }
    }

    /// Copies the index to `backup/`, unless another process is doing so, after noting which lost names are back.
    ///
    /// Done at the end of each scope that wrote; a scope that lives long does so now and then. Safe to repeat.
    ///
    /// - Throws: ``CacheError``.
    package func backUp() async throws {
        try await settleNames()
        guard let lock = try store.locks.tryAcquire("backup", .exclusive) else { return }
        defer { lock.unlock() }
        let backups = IndexBackups(directory: store.directory.backup, logger: store.configuration.logger)
        do {
            try await blocking(on: .syncing) { [store] in try backups.add(store.index, of: store.directory) }
        } catch is IndexBackups.Busy {
            store.configuration.logger.debug("the index is written all the time; it is backed up later")
        } catch let error as SystemError {
            throw CacheError(error, "back up the index", path: store.directory.backup.path)
        }
    }
}
