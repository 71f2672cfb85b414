import OCI
import TestSupport

extension Campaign {
    /// sync, import, serve and gc are killed at random times; after each of them every command works.
    ///
    /// Each cache is killed a few times: what is fetched anew is what a kill can leave half done.
    package static func killedCommands(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("kill -9, then every command")
        let perCache = 4
        try await SyncWork.with(images: 12, layers: 2, layerSize: 20_000) { work async throws in
            try await onTwoLanes(0..<((count + perCache - 1) / perCache)) { number in
                try await Scratch.with { directory async throws in
                    let session = CommandSession(work: work, directory: directory, ledger: ledger)
                    try await session.run(number * perCache..<min(count, (number + 1) * perCache), seed: seed)
                }
            }
        }
        ledger.remark("sync, import, serve and gc; then sync, export, import elsewhere, gc --grace 0s and verify")
        return ledger.figures
    }

    /// The negative control of looking from the files to the index: a row is taken away, and the rig must see it.
    package static func missingRows(_ count: Int) async throws -> Figures {
        let ledger = Ledger("control: row not written")
        try await SyncWork.with(images: 2) { work async throws in
            for number in 0..<count {
                try await Scratch.with { directory async throws in
                    try await work.expectSuccess("before", in: directory, target: number, ledger)
                    let cache = "\(directory)/cache"
                    let whole = try Examination(cache)
                    if let digest = whole.recorded.sorted().dropFirst(number).first {
                        try Examination.forget(digest, in: cache)
                        ledger.countCase()
                        ledger.control(
                            caught: try whole.unrecorded.isEmpty && Examination(cache).unrecorded == [digest]
                        )
                    }
                }
            }
        }
        return ledger.figures
    }

    private enum Victim: CaseIterable {
        case sync, take, serve, collect

        /// Kills come in this time, in microseconds: about what the work takes.
        var duration: Int {
            switch self {
            case .sync: 300_000
            case .take: 120_000
            case .serve: 300_000
            case .collect: 120_000
            }
        }
    }

    private struct CommandSession {
        let work: SyncWork
        let directory: String
        let ledger: Ledger

        private var cache: String { "\(directory)/cache" }

        func run(_ rounds: Range<Int>, seed: Int) async throws {
            var generator = SeededGenerator(seed &+ rounds.lowerBound)
            for round in rounds {
                // The first of each cache is a sync, because that has most to do there.
                let first = round == rounds.lowerBound ? Victim.sync : nil
                let victim = first ?? Victim.allCases.randomElement(using: &generator) ?? .sync
                let time = Int.random(in: 20_000...victim.duration, using: &generator)
                let place = "\(victim) killed after \(time) µs (round \(round))"
                let archive = victim == .take ? try await ArchiveWork(round, in: directory) : nil
                try await kill(victim, archive, round, .killLater(microseconds: time), place)
                _ = try work.takeTarget(round)
                ledger.countCase()
                ledger.enter(place, try Examination(cache))
                var aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
                // A sync needs nothing of an archive, nor of what clients pulled: without more of it their files wait for the
                // collection.
                let isOther = victim == .take || victim == .serve
                aftermath.isShared = isOther && round % 2 == 1
                if isOther, round % 2 == 0 {
                    try await archive?.expectSuccess(place, cache, ledger)
                    if victim == .serve {
                        try await PullWork(work, round, in: directory, []).expectSuccess(place, ledger)
                    }
                }
                try await aftermath.expectUsable(place, target: 100_000 + round)
            }
        }

        private func kill(
            _ victim: Victim,
            _ archive: ArchiveWork?,
            _ round: Int,
            _ fault: Fault,
            _ place: String
        ) async throws {
            switch victim {
            case .sync: check(try await work.program(in: directory, target: round).with(fault).run(), place)
            case .take:
                if let archive { check(try await archive.program(cache).with(fault).run(), place) }
            case .serve:
                check(
                    try await PullWork(work, round, in: directory, [fault]).untilKilled(place, ledger) { _ in },
                    place
                )
            case .collect:
                // Something must have become garbage first.
                let names = work.images.indices.filter { $0 % 2 == 0 }.map { "\(work.registry.host)/up/app:1.\($0)" }
                _ = try await imglife(["rm"] + names).run()
                check(try await imglife(["gc", "--grace", "0s"]).with(fault).run(), place)
            }
        }

        private func imglife(_ arguments: [String]) -> FaultedProgram {
            FaultedProgram(.imglife, ["cache"] + arguments + ["--cache-dir", cache], cache: cache)
        }

        private func check(_ result: ToolResult, _ place: String) {
            if !result.wasKilled, let oddity = result.oddity { ledger.problem("\(place): \(oddity)") }
        }
    }
}
