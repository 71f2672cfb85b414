import OCI
import TestSupport

extension Campaign {
    /// Two syncs begin together on one cache and need the same 20 blobs; in every second case one of them is killed.
    package static func sharedDownloads(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("two syncs share their downloads")
        try await SyncWork.with(layerSize: 60_000) { work async throws in
            for number in 0..<count {
                try await Scratch.with { directory async throws in
                    var generator = SeededGenerator(seed &+ number)
                    let kill: Fault = .killLater(microseconds: .random(in: 40_000...160_000, using: &generator))
                    try await share(work, number, number % 2 == 1 ? kill : nil, in: directory, ledger)
                }
            }
        }
        return ledger.figures
    }

    private static func share(
        _ work: SyncWork,
        _ number: Int,
        _ kill: Fault?,
        in directory: String,
        _ ledger: Ledger
    ) async throws {
        ledger.countCase()
        work.registry.forgetRequests()
        let place = "pair \(number)\(kill.map { ", \($0)" } ?? "")"
        var program = try work.program(in: directory, target: 2 * number)
        program.faults = kill.map { [$0] } ?? []
        async let first = program.run()
        async let second = work.program(in: directory, target: 2 * number + 1).run()
        let results = try await (first, second)
        for result in kill == nil ? [results.0, results.1] : [results.1] where result.status != 0 {
            ledger.problem("\(place): \(result.status) \(result.output.suffix(300))\(result.errors.suffix(300))")
        }
        let problems = try work.takeTarget(2 * number)
        if kill == nil { for text in problems { ledger.problem("\(place): \(text)") } }
        for text in try work.takeTarget(2 * number + 1) { ledger.problem("\(place): \(text)") }
        ledger.enter(place, try Examination("\(directory)/cache"))
        for (blob, times) in work.blobFetches where times > (results.0.wasKilled ? 2 : 1) {
            ledger.problem("\(place): \(blob) was fetched \(times) times")
        }
    }
}

extension SyncWork {
    /// How often each blob was fetched.
    var blobFetches: [String: Int] {
        let fetches = registry.requests.filter { $0.method == "GET" && $0.path.contains("/blobs/sha") }
        return Dictionary(fetches.map { (String($0.path.split(separator: "/").last ?? ""), 1) }, uniquingKeysWith: +)
    }
}
