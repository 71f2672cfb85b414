import Glibc
import OCI
import TestSupport

extension Campaign {
    /// What lies between a blob's file and its row goes wrong, or a lock is held for longer than anybody waits: nothing
    /// is said to be done that is not, and every command works afterwards.
    package static func heldUp(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("between file and row")
        try await SyncWork.with { work async throws in
            try await onTwoLanes(0..<count) { number in
                try await Scratch.with { directory async throws in
                    var generator = SeededGenerator(seed &+ number)
                    let rename = Int.random(in: 1...work.blobCount, using: &generator)
                    let obstacle = Obstacle.allCases[number % Obstacle.allCases.count]
                    let place = "\(obstacle) at blob \(rename) (\(number))"
                    try await obstacle.meet(work, number, rename, in: directory, place, ledger)
                    ledger.countCase()
                    let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
                    try await aftermath.expectUsable(place, target: 100_000 + number)
                }
            }
        }
        ledger.remark("a busy index, a full disk, a kill; locks of shards")
        return ledger.figures
    }

    private enum Obstacle: CaseIterable {
        /// The index is locked by somebody, for longer than SQLite waits.
        case busyIndex
        /// Nothing can be written to the index any more.
        case fullDisk
        case killed
        /// Somebody works on the shards of damaged blobs while they are to be repaired.
        case lockedShards

        func meet(
            _ work: SyncWork,
            _ number: Int,
            _ rename: Int,
            in directory: String,
            _ place: String,
            _ ledger: Ledger
        ) async throws {
            let fault: Fault
            switch self {
            case .busyIndex: fault = .busyIndex(afterRename: rename)
            case .fullDisk: fault = .fullIndex(afterRename: rename)
            case .killed: fault = .killRenamed(rename)
            case .lockedShards: return try await LockedShards(work, directory, place, ledger).check(number)
            }
            let result = try await work.program(in: directory, target: number).with(fault).run()
            if !result.wasKilled || self != .killed, let oddity = result.oddity {
                ledger.problem("\(place): \(oddity)")
            }
            ledger.enter(place, try Examination("\(directory)/cache"))
            let wrong = try work.takeTarget(number)
            if result.status == 0 { for text in wrong { ledger.problem("\(place): \(text)") } }
        }
    }

    /// `cache verify --repair` beside somebody who holds the locks of all shards.
    private struct LockedShards {
        let work: SyncWork
        let directory: String
        let place: String
        let ledger: Ledger

        init(_ work: SyncWork, _ directory: String, _ place: String, _ ledger: Ledger) {
            self.work = work
            self.directory = directory
            self.place = place
            self.ledger = ledger
        }

        private var cache: String { "\(directory)/cache" }

        func check(_ number: Int) async throws {
            try await work.expectSuccess("\(place), before", in: directory, target: 200_000 + number, ledger)
            guard let layer = work.images.randomElement()?.blobs.last?.descriptor.digest else { return }
            var generator = SeededGenerator(number)
            try BitFlip.random(in: "\(cache)/blobs/sha256/\(layer.hex)", using: &generator)
            let locks = try holdShards()
            let refused = try await repair(patience: "300ms")
            for lock in locks { close(lock) }
            if refused.status != 1 || !refused.errors.contains("another imglife process is using the cache") {
                ledger.problem("\(place): \(refused.status) \(refused.errors)")
            }
            if refused.output.contains("; repaired from") {
                ledger.problem("\(place): told as repaired: \(refused.output)")
            }
            let repaired = try await repair(patience: "60s")
            if repaired.status != 0 || !repaired.output.contains("1 bad, 1 repaired, 0 unrepaired") {
                ledger.repair("\(place), unlocked: \(repaired.status) \(repaired.output)\(repaired.errors)")
            }
            ledger.enterSettled("\(place), repaired", try Examination(cache))
        }

        private func repair(patience: String) async throws -> ToolResult {
            let options = ["--repair", "--restart", "--lock-timeout", patience, "--cache-dir", cache]
            var program = FaultedProgram(.imglife, ["cache", "verify"] + options, cache: cache)
            program.directory = directory
            return try await program.run()
        }

        private func holdShards() throws -> [CInt] {
            try (0..<256).map { number in
                let digits = String(number, radix: 16)
                let path = "\(cache)/locks/\(digits.count == 1 ? "0" : "")\(digits)"
                let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                guard file >= 0, flock(file, LOCK_EX | LOCK_NB) == 0 else { throw RigError("cannot lock \(path)") }
                return file
            }
        }
    }
}
