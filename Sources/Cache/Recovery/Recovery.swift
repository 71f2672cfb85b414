/// Opening, closing, backing up and restoring the index, and tidying what processes left behind that died.
package struct Recovery: Sendable {
    let store: Store

    /// Whether names were lost with the index and no run has brought them back yet: then a collection would take what
    /// they named for garbage.
    package func lacksNames() async throws -> Bool {
        try await store.index.read { try $0.meta.value(of: MetaRows.Key.lacksNames) != nil }
    }

    /// Notes that a run has recorded all tags that are wanted; safe to repeat, and costs nothing where none were lost.
    package func noteCompleteRun() async throws {
        guard try await lacksNames() else { return }
        try await store.index.write { try $0.meta.remove(MetaRows.Key.lacksNames) }
    }

    /// - Throws: ``CacheError`` (`lostNames`) while names are lacking.
    func checkNames() async throws {
        guard try await lacksNames() else { return }
        throw CacheError(
            .lostNames,
            "collect garbage in",
            path: store.directory.path,
            "names were lost with its index, so what they need would be removed: run 'imglife sync' first, or 'imglife "
                + "cache gc --force' to give it up"
        )
    }
}
