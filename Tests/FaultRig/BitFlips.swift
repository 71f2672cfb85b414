import Glibc
import OCI
import TestSupport

extension Campaign {
    /// One random bit is flipped in each of many blobs: `cache verify` finds all of them and nothing else, and what it
    /// put aside comes back.
    package static func flippedBlobs(_ count: Int, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger("a flipped bit in blobs")
        try await SyncWork.with(images: max(2, count / 5), layerSize: 5000) { work async throws in
            try await Scratch.with { directory async throws in
                let flips = FlippedCache(work: work, directory: directory, ledger: ledger)
                try await work.expectSuccess("the first run", in: directory, target: 0, ledger)
                try await flips.expect([], by: ["verify"])
                let flipped = try flips.flip(count, seed: seed)
                try await flips.expect(flipped, by: ["verify"])
                for _ in flipped { ledger.countCase() }
                try await work.expectSuccess("after the flips", in: directory, target: 1, ledger)
                try await flips.expect([], by: ["verify"])
                guard try await flips.canRepair() else { return ledger.remark("healed by the next run") }
                try await flips.repair(try flips.flip(count, seed: seed + 1))
                let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
                try await aftermath.expectUsable("after verify --repair", target: 2)
                ledger.remark("healed by the next run; again by verify --repair")
            }
        }
        return ledger.figures
    }
}

private struct FlippedCache {
    let work: SyncWork
    let directory: String
    let ledger: Ledger

    private var cache: String { "\(directory)/cache" }

    private func imglife(_ arguments: [String]) async throws -> ToolResult {
        var program = FaultedProgram(.imglife, ["cache"] + arguments + ["--cache-dir", cache], cache: cache)
        program.directory = directory
        return try await program.run()
    }

    /// Flips one bit in each of some random blobs.
    func flip(_ count: Int, seed: Int) throws -> Set<Digest> {
        var generator = SeededGenerator(seed)
        let names = try Files.list("\(cache)/blobs/sha256").shuffled(using: &generator).prefix(count)
        for name in names { try BitFlip.random(in: "\(cache)/blobs/sha256/\(name)", using: &generator) }
        return Set(try names.map { try Digest("sha256:\($0)") })
    }

    func expect(_ bad: Set<Digest>, by arguments: [String]) async throws {
        let result = try await imglife(arguments + ["--output", "json"])
        let found = Set(
            try result.output.matches(of: /sha256:[0-9a-f]{64}/).map { try Digest(String(result.output[$0.range])) }
        )
        for digest in bad.subtracting(found).sorted() { ledger.problem("not found: \(digest)") }
        for digest in found.subtracting(bad).sorted() { ledger.problem("false alarm: \(digest)") }
        if result.status != (bad.isEmpty ? 0 : 1) {
            ledger.problem("verify ended with \(result.status): \(result.errors)")
        }
    }

    func canRepair() async throws -> Bool {
        try await imglife(["verify", "--help"]).output.contains("--repair")
    }

    func repair(_ bad: Set<Digest>) async throws {
        let result = try await imglife(["verify", "--repair"])
        if result.status != 0 { ledger.repair("verify --repair: \(result.status) \(result.output)\(result.errors)") }
        ledger.enterSettled("after verify --repair", try Examination(cache))
        for digest in bad where !Files.exists("\(cache)/blobs/sha256/\(digest.hex)") {
            ledger.repair("not repaired: \(digest)")
        }
        for _ in bad { ledger.countCase() }
        try await expect([], by: ["verify"])
    }
}

enum BitFlip {
    /// Flips one bit of a file in place, as a disk would.
    static func random(in path: String, using generator: inout some RandomNumberGenerator) throws {
        var status = stat()
        guard stat(path, &status) == 0, status.st_size > 0 else { throw RigError("nothing to flip in \(path)") }
        chmod(path, 0o600)
        defer { chmod(path, status.st_mode & 0o777) }
        let file = open(path, O_RDWR | O_CLOEXEC)
        defer { close(file) }
        let offset = off_t.random(in: 0..<off_t(status.st_size), using: &generator)
        var byte: UInt8 = 0
        guard pread(file, &byte, 1, offset) == 1 else { throw RigError("cannot read \(path)") }
        byte ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        guard pwrite(file, &byte, 1, offset) == 1 else { throw RigError("cannot write \(path)") }
    }
}
