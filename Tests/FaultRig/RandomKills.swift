import Archive
import Cache
import Logging
import TestSupport

extension Campaign {
    /// What is killed at random times; another command that changes a cache belongs here.
    private enum Victim: CaseIterable {
        case images, mixed, blobs, sync, collect, verify, take, serve

        /// `nil` for what needs more than to be run.
        func program(_ work: SyncWork, in directory: String, round: Int) throws -> FaultedProgram? {
            let cache = "\(directory)/cache"
            return switch self {
            case .images: FaultedProgram(.probe, [cache, "images", "\(round % 3)", "6"], cache: cache)
            case .mixed: FaultedProgram(.probe, [cache, "mixed", "\(round % 3)", "8"], cache: cache)
            case .blobs: FaultedProgram(.probe, [cache, "\(4 + round % 8)", "150000"], cache: cache)
            case .sync: try work.program(in: directory, target: round)
            case .collect: Self.imglife(["gc", "--grace", "0s"], cache)
            case .verify: Self.imglife(["verify"], cache)
            case .take, .serve: nil
            }
        }

        private static func imglife(_ arguments: [String], _ cache: String) -> FaultedProgram {
            FaultedProgram(.imglife, ["cache"] + arguments + ["--cache-dir", cache], cache: cache)
        }

        /// Kills come in this time, in microseconds: about what the work takes.
        var duration: Int {
            switch self {
            case .images, .mixed, .blobs: 70_000
            case .sync: 180_000
            case .collect, .verify: 90_000
            case .take: 120_000
            case .serve: 300_000
            }
        }
    }

    /// Programs are killed at random times, many times over one cache, with recovery and a whole check after each.
    package static func randomKills(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("kill -9 at random times")
        let perCache = min(20, max(1, count / 2))
        let served = Watched((whole: 0, short: 0))
        try await SyncWork.with { work async throws in
            try await onTwoLanes(0..<((count + perCache - 1) / perCache)) { number in
                try await Scratch.with { directory async throws in
                    let session = KillSession(work: work, directory: directory, served: served, ledger: ledger)
                    try await session.run(number * perCache..<min(count, (number + 1) * perCache), seed: seed)
                }
            }
        }
        ledger.remark(
            "\(Victim.allCases.count) kinds of work, \(perCache) kills for each cache; "
                + "killed servers gave \(served.value.whole) whole answers and \(served.value.short) short ones"
        )
        return ledger.figures
    }

    /// One cache on which one thing after the other is killed.
    private struct KillSession {
        let work: SyncWork
        let directory: String
        let served: Watched<(whole: Int, short: Int)>
        let ledger: Ledger

        private var cache: String { "\(directory)/cache" }

        func run(_ rounds: Range<Int>, seed: Int) async throws {
            var generator = SeededGenerator(seed &+ rounds.lowerBound)
            var acknowledged = Acknowledged()
            for round in rounds {
                let victim = Victim.allCases.randomElement(using: &generator) ?? .images
                let time = Int.random(in: 1000...victim.duration, using: &generator)
                // A collection that was killed goes on when the cache is opened next.
                if victim == .collect || victim == .mixed { acknowledged.allowCollection() }
                let place = "\(victim) killed after \(time) µs (round \(round))"
                try await kill(victim, round, .killLater(microseconds: time), place, &acknowledged)
                _ = try work.takeTarget(round)
            }
            let place = "after \(rounds.count) kills"
            try await PullWork(work, rounds.lowerBound, in: directory, []).expectSuccess(place, ledger)
            let aftermath = Aftermath(work: work, directory: directory, ledger: ledger, isShared: true)
            try await aftermath.expectUsable(place, target: 100_000 + rounds.lowerBound)
        }

        private func kill(
            _ victim: Victim,
            _ round: Int,
            _ fault: Fault,
            _ place: String,
            _ acknowledged: inout Acknowledged
        ) async throws {
            let archive = victim == .take ? try await ArchiveWork(round, in: directory) : nil
            let result: ToolResult
            if let program = try archive?.program(cache) ?? victim.program(work, in: directory, round: round) {
                result = try await program.with(fault).run()
            } else {
                result = try await PullWork(work, round, in: directory, [fault]).untilKilled(place, ledger) { isWhole in
                    served.update { if isWhole { $0.whole += 1 } else { $0.short += 1 } }
                }
            }
            if !result.wasKilled, let oddity = result.oddity { ledger.problem("\(place): \(oddity)") }
            acknowledged.read(result.output)
            ledger.countCase()
            ledger.enter(place, try Examination(cache), acknowledged)
            try await recover(cache, place, ledger)
            let examination = try Examination(cache)
            ledger.enter("\(place), recovered", examination, acknowledged)
            acknowledged.settle(examination)
            try await archive?.expectSuccess(place, cache, ledger)
        }
    }

    /// Opens a cache, which tidies what was left, and hashes everything through its own eyes.
    static func recover(_ cache: String, _ place: String, _ ledger: Ledger) async throws {
        var logger = Logger(label: "rig")
        logger.logLevel = .critical
        do {
            let report = try await ContentCache.with(CacheConfiguration(directory: cache, logger: logger)) {
                try await $0.verify()
            }
            for finding in report.findings {
                ledger.repair("\(place): verify finds \(finding.fault) \(finding.digest), \(finding.affected)")
            }
        } catch {
            ledger.repair("\(place): recovery: \(error)")
        }
    }
}
