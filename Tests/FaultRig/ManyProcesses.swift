import TestSupport

extension Campaign {
    /// Ten processes do everything to one cache at the same time: nothing is lost, and nobody waits for ever.
    package static func manyProcesses(operations count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("ten processes on one cache")
        try await SyncWork.with { work async throws in
            try await Scratch.with { directory async throws in
                let cache = "\(directory)/cache"
                // There is one: whoever only looks makes none, and may come first.
                _ = try await output(FaultedProgram(.probe, [cache, "mixed", "\(seed)", "0"], cache: cache), ledger)
                let outputs = try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<6 {
                        let arguments = [cache, "mixed", "\(seed * 10 + number)", "\(count)"]
                        let program = FaultedProgram(.probe, arguments, cache: cache)
                        group.addTask { try await output(program, ledger) }
                    }
                    group.addTask { try await syncs(work, directory, count / 10, ledger) }
                    group.addTask { try await commands(cache, count / 10, ledger) }
                    group.addTask { try await servers(work, directory, count / 10, ledger) }
                    group.addTask { try await archives(work, directory, count / 10, ledger) }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                var acknowledged = Acknowledged()
                for output in outputs { acknowledged.read(output) }
                acknowledged.allowCollection()
                ledger.enter("afterwards", try Examination(cache), acknowledged)
                try await recover(cache, "afterwards", ledger)
                let aftermath = Aftermath(work: work, directory: directory, ledger: ledger, isShared: true)
                try await aftermath.expectUsable("afterwards", target: 999_999)
            }
        }
        ledger.remark("6 × \(count) operations; sync, the cache commands, serve, export and import all the time")
        return ledger.figures
    }

    private static func output(_ program: FaultedProgram, _ ledger: Ledger) async throws -> String {
        let result = try await program.run()
        ledger.countCase()
        if result.status != 0 {
            let text = result.output.split(separator: "\n").last.map(String.init) ?? ""
            ledger.problem("\(program.arguments): \(result.status) \(text) \(result.errors.suffix(300))")
        }
        return result.output
    }

    private static func syncs(
        _ work: SyncWork,
        _ directory: String,
        _ count: Int,
        _ ledger: Ledger
    ) async throws -> String {
        for number in 1...max(1, count) {
            _ = try await output(try work.program(in: directory, target: number), ledger)
            for text in try work.takeTarget(number) { ledger.problem(text) }
        }
        return ""
    }

    private static func commands(_ cache: String, _ count: Int, _ ledger: Ledger) async throws -> String {
        let commands = [
            ["gc", "--grace", "0s"], ["ls"], ["verify"], ["stats"], ["gc", "--grace", "0s", "--max-size", "500K"],
        ]
        var evicted = ""
        for number in 0..<max(commands.count, count) {
            let arguments = ["cache"] + commands[number % commands.count] + ["--cache-dir", cache]
            let output = try await output(FaultedProgram(.imglife, arguments, cache: cache), ledger)
            for line in output.split(separator: "\n") where line.hasPrefix("removed ") && line.contains("/work/s") {
                evicted += "evicted \(line.dropFirst("removed ".count))\n"
            }
        }
        return evicted
    }

    /// Servers, one after the other, through each of which four clients pull another image.
    private static func servers(
        _ work: SyncWork,
        _ directory: String,
        _ count: Int,
        _ ledger: Ledger
    ) async throws -> String {
        for number in 0..<max(1, count) {
            try await PullWork(work, number, in: directory, []).expectSuccess("server \(number) of many", ledger)
            ledger.countCase()
        }
        return ""
    }

    /// Imports of what is new, and exports of what syncs bring, each of which must be whole elsewhere.
    ///
    /// What a collection has evicted meanwhile is fetched again by an export.
    private static func archives(
        _ work: SyncWork,
        _ directory: String,
        _ count: Int,
        _ ledger: Ledger
    ) async throws -> String {
        let cache = "\(directory)/cache"
        let aftermath = Aftermath(work: work, directory: directory, ledger: ledger, isShared: true)
        for number in 0..<max(1, count) {
            let archive = try await ArchiveWork(number, in: directory)
            _ = try await output(archive.program(cache), ledger)
            let target = 1000 + number
            _ = try work.program(in: directory, target: target)
            try await aftermath.expectExport("export \(number) of many", target: target)
            ledger.countCase()
        }
        return ""
    }
}
