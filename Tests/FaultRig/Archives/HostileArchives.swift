import NIOCore
import TestSupport

extension Campaign {
    /// Archives that ask for more than they may have are imported with little memory: each is taken or refused in a message,
    /// nothing of what was refused is left, and a good archive still goes in.
    package static func hostileArchives(_ count: Int) async throws -> Figures {
        let ledger = Ledger("hostile archives")
        try await TemporaryDirectory.with { directory async throws in
            let good = try await ArchiveWork(1, in: directory)
            let base = try Files.read("\(directory)/1.tar")
            try await onTwoLanes(0..<count) { number in
                let archive = HostileArchive(number, base: Array(base.readableBytesView))
                try await TemporaryDirectory.with { path async throws in
                    try await importing(archive, in: path, ledger)
                }
            }
            try await good.expectSuccess("after all of them", "\(directory)/cache", ledger)
            ledger.remark("each with \(memory >> 10) MiB of address space")
        }
        return ledger.figures
    }

    /// What a process may map, threads and libraries included, in KiB.
    private static let memory = 1_000_000

    private static func importing(_ archive: HostileArchive, in path: String, _ ledger: Ledger) async throws {
        ledger.countCase()
        let place = "\(archive.kind) (\(archive.number))"
        try Files.write(ByteBuffer(bytes: archive.bytes), to: "\(path)/bytes")
        try await Tool.check("sh", ["-c", "cd \(path) && (\(archive.writing)) <bytes"])
        let program = Tool.builtProduct("imglife")
        let command = "ulimit -v \(memory); exec \(program) import \(path)/file --as registry.example/import/app"
        let result = try await Tool.run(
            "sh",
            ["-c", command + " --cache-dir \(path)/cache --progress none"],
            environment: ["MALLOC_ARENA_MAX": "2"],
            limit: .seconds(300)
        )
        if let oddity = result.oddity { return ledger.problem("\(place): \(oddity)") }
        guard Files.exists("\(path)/cache/index.json") || Files.exists("\(path)/cache/index.sqlite") else { return }
        let examination = try Examination("\(path)/cache")
        ledger.enter(place, examination)
        if result.status != 0, try !Files.list("\(path)/cache/ingest").isEmpty {
            ledger.problem("\(place): it was refused, and left files: \(result.errors.suffix(200))")
        }
    }
}
