import OCI
import TestSupport

extension Campaign {
    /// A collection is killed before each so many-th of its changes (between marking, removing and forgetting): the next
    /// one ends where one that is not killed ends, and every command works.
    package static func killedSweeps(stride step: Int) async throws -> Figures {
        let ledger = Ledger("kill before each change of gc")
        try await SyncWork.with(images: 6, layers: 3, layerSize: 5000) { work async throws in
            try await Scratch.with { original async throws in
                let sweep = KilledSweep(work: work, original: original, ledger: ledger)
                let (count, whole) = try await sweep.prepare()
                try await onTwoLanes(stride(from: 1, through: count + 2, by: step)) { position in
                    try await Scratch.with { directory async throws in
                        try await sweep.run(position, in: directory, expecting: whole)
                    }
                }
                ledger.remark("\(count) changes, every \(step == 1 ? "one" : "\(step).") killed")
            }
        }
        return ledger.figures
    }
}

private struct KilledSweep: Sendable {
    let work: SyncWork
    /// Where the cache is that has garbage, which each case works on a copy of.
    let original: String
    let ledger: Ledger

    private func imglife(_ arguments: [String], in directory: String) -> FaultedProgram {
        let cache = "\(directory)/cache"
        var program = FaultedProgram(.imglife, ["cache"] + arguments + ["--cache-dir", cache], cache: cache)
        program.directory = directory
        return program
    }

    private func collection(in directory: String) -> FaultedProgram { imglife(["gc", "--grace", "0s"], in: directory) }

    /// Makes a cache with garbage.
    ///
    /// - Returns: how many changes a collection of it makes, and what it leaves.
    func prepare() async throws -> (changes: Int, left: Set<Digest>) {
        try await work.expectSuccess("before", in: original, target: 900_000, ledger)
        let names = work.images.indices.filter { $0 % 2 == 0 }.map { "\(work.registry.host)/up/app:1.\($0)" }
        let removal = try await imglife(["rm"] + names, in: original).run()
        guard removal.status == 0 else { throw RigError("cache rm: \(removal.output)\(removal.errors)") }
        return try await Scratch.with { directory async throws in
            try await copy(to: directory)
            var program = collection(in: directory)
            program.count = "\(directory)/count"
            let result = try await program.run()
            let left = try Examination("\(directory)/cache")
            guard result.status == 0, let count = Int(try Files.text("\(directory)/count").dropLast()) else {
                throw RigError("cache gc: \(result.output)\(result.errors)")
            }
            ledger.enterSettled("not killed", left)
            guard try left.blobs.count < Examination("\(original)/cache").blobs.count else {
                throw RigError("nothing was collected")
            }
            return (count, left.blobs)
        }
    }

    func run(_ position: Int, in directory: String, expecting whole: Set<Digest>) async throws {
        try await copy(to: directory)
        let place = "change \(position)"
        guard try await collection(in: directory).with(.kill(before: position)).run().wasKilled else { return }
        ledger.countCase()
        ledger.enter(place, try Examination("\(directory)/cache"))
        let result = try await collection(in: directory).run()
        if result.status != 0 { ledger.repair("\(place): the next gc: \(result.status) \(result.errors.suffix(300))") }
        let end = try Examination("\(directory)/cache")
        ledger.enterSettled("\(place), collected", end)
        if end.blobs != whole {
            ledger.problem("\(place): \(end.blobs.count) blobs are left, and \(whole.count) without a kill")
        }
        guard position % 8 == 0 else { return }
        let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
        try await aftermath.expectUsable(place, target: 900_000 + position)
    }

    private func copy(to directory: String) async throws {
        try await Tool.check("cp", ["-a", "\(original)/cache", "\(directory)/cache"])
    }
}
