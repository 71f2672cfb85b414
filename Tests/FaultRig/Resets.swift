import NIOCore
import OCI
import TestSupport

extension Campaign {
    /// A large blob whose transfer breaks many times: how much comes twice.
    package static func resets(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("transfers that break")
        var generator = SeededGenerator(seed)
        var worst = Twice()
        for number in 0..<count {
            let breaks = Int.random(in: 1...6, using: &generator)
            let cuts = (0..<breaks).map { _ in Int.random(in: (2 << 20)...(3 << 20), using: &generator) }
            let twice = try await bytesTwice(cuts, isReset: number % 2 == 0, number, ledger)
            worst.taken = max(worst.taken, twice.taken / breaks)
            worst.sent = max(worst.sent, twice.sent / breaks)
            if twice.taken > breaks * (64 << 10) { ledger.problem("\(twice) after breaks at \(cuts)") }
        }
        ledger.remark(
            "20 MiB each, 1 to 6 breaks; for one break at most \(worst.taken) bytes were taken twice, and "
                + "\(worst.sent) bytes that the registry had sent in good order were not taken"
        )
        return ledger.figures
    }

    /// How many bytes of a blob were too many.
    private struct Twice: Sendable {
        /// By the program's own count.
        var taken = 0
        /// By the registry's, which includes what was on its way in sockets when a connection ended.
        var sent = 0
    }

    private static func bytesTwice(
        _ cuts: [Int],
        isReset: Bool,
        _ number: Int,
        _ ledger: Ledger
    ) async throws -> Twice {
        try await SyncWork.with(images: 1, layers: 1, layerSize: 20 << 20) { work async throws in
            let layer = work.images[0].blobs[1].descriptor
            for cut in cuts {
                work.registry.script(
                    .init("GET", .blob(layer.digest)),
                    isReset ? .reset(afterBytes: cut) : .close(afterBytes: cut)
                )
            }
            return try await Scratch.with { directory async throws in
                ledger.countCase()
                var program = try work.program(in: directory, target: number, options: ["--output", "json"])
                // A reset can destroy so much on its way that hardly anything comes.
                program.environment["IMGLIFE_RETRY_ATTEMPTS"] = "10"
                let result = try await program.run()
                for text in try work.takeTarget(number) { ledger.repair("\(cuts): \(text) \(result.output)") }
                ledger.enter("\(cuts)", try Examination("\(directory)/cache"))
                let report = try JSONValue(parsing: ByteBuffer(string: result.output))
                let downloaded = report["bytes"]?["downloaded"]?.integer.map { Int($0) } ?? 0
                let fetched = downloaded - Int(work.images[0].blobSize)
                let sent = work.registry.requests.filter { $0.path.hasSuffix("\(layer.digest)") && $0.method == "GET" }
                    .reduce(0) { $0 + $1.bytesSent }
                // A reset destroys what is on its way, which says nothing of the program.
                return Twice(taken: max(0, fetched), sent: isReset ? 0 : sent - Int(layer.size))
            }
        }
    }
}
