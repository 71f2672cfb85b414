import TestSupport

/// What a collection of many blobs asks of the disk, counted; it says more than a time.
package struct CollectionCost: Sendable {
    /// Files that were removed.
    package private(set) var removals = 0
    /// Files and directories that were synced, which is what a disk needs its time for.
    package private(set) var syncs = 0
    /// Transactions of the index that changed something.
    package private(set) var transactions = 0

    /// Collects so many small blobs that nothing names.
    package static func measure(blobs count: Int) async throws -> CollectionCost {
        try await Scratch.with { directory async throws in
            let cache = "\(directory)/cache"
            let filling = try await FaultedProgram(.probe, [cache, "\(count)", "100"], cache: cache).run()
            guard filling.status == 0 else { throw RigError("filling: \(filling.output)\(filling.errors)") }
            let options = ["--grace", "0s", "--cache-dir", cache]
            var program = FaultedProgram(.imglife, ["cache", "gc"] + options, cache: cache)
            program.trace = "\(directory)/trace"
            let result = try await program.run()
            guard result.status == 0 else { throw RigError("cache gc: \(result.output)\(result.errors)") }
            return try Trace("\(directory)/trace").changes.reduce(into: CollectionCost()) { $0.count($1) }
        }
    }

    private mutating func count(_ change: Trace.Change) {
        switch change {
        case .unlink(let path) where path.contains("/blobs/"): removals += 1
        case .sync(let path, _):
            syncs += 1
            // A transaction syncs its journal before the index, once.
            if path.hasSuffix("/index.sqlite") { transactions += 1 }
        default: break
        }
    }
}
