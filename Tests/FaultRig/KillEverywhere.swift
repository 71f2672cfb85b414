import TestSupport

extension Campaign {
    /// A sync of 20 blobs is killed before each so many-th of its changes to the file system, and again in recovery.
    ///
    /// The seed chooses where the recovery is killed.
    package static func killEverywhere(stride step: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("kill before each change of a sync")
        try await SyncWork.with { work async throws in
            let count = try await changes(work)
            // Tasks run side by side, so that runs differ by a few changes.
            try await onTwoLanes(stride(from: 1 + seed % step, through: count + 5, by: step)) { position in
                try await Scratch.with { directory async throws in
                    try await killTwice(work, at: position, in: directory, seed: seed, ledger)
                }
            }
            ledger.remark("\(count) changes, every \(step == 1 ? "one" : "\(step).") killed, and recovery too")
        }
        return ledger.figures
    }

    private static func changes(_ work: SyncWork) async throws -> Int {
        try await Scratch.with { directory async throws in
            var program = try work.program(in: directory, target: 0)
            program.count = "\(directory)/count"
            let result = try await program.run()
            guard let count = Int(try Files.text("\(directory)/count").dropLast()) else {
                throw RigError("no count of changes: \(result.status) \(result.errors)")
            }
            _ = try work.takeTarget(0)
            return count
        }
    }

    private static func killTwice(
        _ work: SyncWork,
        at position: Int,
        in directory: String,
        seed: Int,
        _ ledger: Ledger
    ) async throws {
        let program = try work.program(in: directory, target: position)
        guard try await program.with(.kill(before: position)).run().wasKilled else {
            _ = try work.takeTarget(position)
            return
        }
        ledger.countCase()
        let cache = "\(directory)/cache"
        let first = try Examination(cache)
        ledger.enter("change \(position)", first)
        var generator = SeededGenerator(seed &+ position)
        let again = Int.random(in: 1...40, using: &generator)
        _ = try await program.with(.kill(before: again)).run()
        let second = try Examination(cache)
        ledger.enter("changes \(position) and \(again), killed", second)
        let place = "changes \(position) and \(again)"
        try await work.expectSuccess(place, in: directory, target: position, ledger)
        let last = try Examination(cache)
        let kept = first.recorded.union(second.recorded)
        if !kept.isSubset(of: last.blobs) {
            ledger.problem("\(place): a recorded blob is gone")
        }
        if try Files.list("\(cache)/quarantine") != [] {
            ledger.problem("\(place): something is in quarantine")
        }
        // All commands after each kill would take an hour.
        guard position % 8 == 0 else { return }
        let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
        try await aftermath.expectUsable(place, target: 100_000 + position)
    }
}
