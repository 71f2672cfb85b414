import Glibc
import TestSupport

extension Campaign {
    /// System calls of a sync fail with errors: so many cases, spread over calls, errors and positions.
    package static func errorsEverywhere(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("system errors in a sync")
        let faults = errorFaults(count, seed: seed)
        try await SyncWork.with { work async throws in
            try await onTwoLanes(faults.indices) { number in
                try await Scratch.with { directory async throws in
                    let fault = faults[number]
                    let result = try await work.program(in: directory, target: number).with(fault).run()
                    ledger.countCase()
                    if let oddity = result.oddity { ledger.problem("\(fault): \(oddity)") }
                    ledger.enter("\(fault)", try Examination("\(directory)/cache"))
                    if result.status == 0 {
                        for text in try work.takeTarget(number) { ledger.problem("\(fault): \(text)") }
                    }
                    try await work.expectSuccess("\(fault)", in: directory, target: number, ledger)
                    let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
                    try await aftermath.expectUsable("\(fault)", target: 100_000 + number)
                }
            }
        }
        ledger.remark("\(faults.count) of call × error × position")
        return ledger.figures
    }

    private static let errors = [ENOSPC, EIO, EDQUOT, EROFS, EMFILE, EINTR]
    /// How many calls of each kind such a sync makes, about.
    private static let positions: [(Fault.Call, Int)] = [
        (.write, 220), (.sync, 90), (.open, 90), (.rename, 30), (.unlink, 6), (.truncate, 12), (.allocate, 20),
        (.mkdir, 8), (.readdir, 20),
    ]

    private static func errorFaults(_ count: Int, seed: Int) -> [Fault] {
        var generator = SeededGenerator(seed)
        let short = max(1, count / 20)
        let combinations = errors.flatMap { code in positions.map { (code, $0.0, $0.1) } }
        let faults: [Fault] = (0..<(count - short)).map { number in
            // With fewer cases than combinations those are taken that lie apart.
            let (code, call, limit) = combinations[number * 7 % combinations.count]
            let position = Int.random(in: 1...limit, using: &generator)
            // An interrupted call is tried again, for ever if need be.
            let persists = code != EINTR && Bool.random(using: &generator)
            return .error(call, code, at: position, persists: persists)
        }
        return faults + (0..<short).map { _ in .shortWrite(at: Int.random(in: 1...220, using: &generator)) }
    }
}
