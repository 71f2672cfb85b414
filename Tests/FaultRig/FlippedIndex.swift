import TestSupport

extension Campaign {
    /// One random bit is flipped in the index, many times: no answer is wrong without a message, and runs go on.
    package static func flippedIndex(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("a flipped bit in the index")
        try await SyncWork.with { work async throws in
            try await Scratch.with { original async throws in
                try await work.expectSuccess("the first run", in: original, target: 0, ledger)
                let truth = try await answers("\(original)/cache")
                try await onTwoLanes(1...count) { number in
                    try await Scratch.with { directory async throws in
                        try await Tool.check("cp", ["-a", "\(original)/cache", "\(directory)/cache"])
                        var generator = SeededGenerator(seed &+ number)
                        try BitFlip.random(in: "\(directory)/cache/index.sqlite", using: &generator)
                        try await ask(number, work, directory, truth, ledger)
                    }
                }
            }
        }
        return ledger.figures
    }

    private static func ask(
        _ number: Int,
        _ work: SyncWork,
        _ directory: String,
        _ truth: Answers,
        _ ledger: Ledger
    ) async throws {
        ledger.countCase()
        let answers = try await answers("\(directory)/cache")
        if let crash = answers.crash { ledger.problem("bit \(number): \(crash)") }
        if !answers.hasMessage, answers.text != truth.text {
            ledger.problem("bit \(number): wrong without a message: \(answers.text)")
        }
        // The run that meets the damage may fail, if it says so; the one after it may not.
        for _ in 1...2 {
            let result = try await work.program(in: directory, target: number).run()
            if let oddity = result.oddity { ledger.problem("bit \(number), sync: \(oddity)") }
            guard result.status == 0 else { break }
        }
        try await work.expectSuccess("bit \(number)", in: directory, target: number, ledger)
        let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
        try await aftermath.expectUsable("bit \(number)", target: 100_000 + number)
    }

    private struct Answers: Sendable {
        var text = ""
        var hasMessage = false
        var crash: String?
    }

    /// What the commands say about a cache that holds nothing but a run's images.
    private static func answers(_ cache: String) async throws -> Answers {
        var answers = Answers()
        for command in ["ls", "stats"] {
            let program = FaultedProgram(.imglife, ["cache", command, "--cache-dir", cache], cache: cache)
            let result = try await program.run()
            answers.text += result.output
            answers.hasMessage = answers.hasMessage || result.status != 0 || !result.errors.isEmpty
            answers.crash = answers.crash ?? result.oddity
        }
        return answers
    }
}
