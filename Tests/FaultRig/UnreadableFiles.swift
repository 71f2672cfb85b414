import NIOCore
import OCI
import TestSupport

extension Campaign {
    /// Files that the disk does not give back any more: blobs in every command that reads them, and the index.
    package static func unreadableFiles() async throws -> Figures {
        let ledger = Ledger("files that cannot be read")
        try await SyncWork.with(images: 2) { work async throws in
            for (number, reader) in Reader.allCases.enumerated() {
                try await Scratch.with { directory async throws in
                    try await work.expectSuccess("before", in: directory, target: 1000 + number, ledger)
                    try await reader.check(work, number, in: directory, ledger)
                    ledger.countCase()
                    try await work.expectSuccess("\(reader)", in: directory, target: number, ledger)
                    let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
                    try await aftermath.expectUsable("\(reader)", target: 2000 + number)
                }
            }
        }
        return ledger.figures
    }

    private enum Reader: CaseIterable {
        case verify, failingDisk, push, serve, index

        func check(_ work: SyncWork, _ number: Int, in directory: String, _ ledger: Ledger) async throws {
            let layers = work.images[0].blobs.filter { $0.descriptor.size > 20_000 }
            let digest = layers[0].descriptor.digest
            let cache = "\(directory)/cache"
            var wrong: String?
            switch self {
            case .verify:
                let result = try await Self.verify(cache, [digest])
                wrong = Self.unless(result, 1, says: "unreadable \(digest): ")
            case .failingDisk:
                let result = try await Self.verify(cache, layers.prefix(4).map(\.descriptor.digest))
                wrong = Self.unless(result, 1, says: "stopped, because several files could not be read: check the disk")
            case .push:
                let result = try await work.program(in: directory, target: 500)
                    .with(.unreadable(digest.hex)).run()
                // What is left out of the run is told, and the next one brings it.
                wrong = result.oddity
                _ = try work.takeTarget(500)
            case .serve:
                wrong = try await Self.serve(cache, digest)
            case .index:
                let result = try await Self.imglife(["cache", "stats"], cache).with(.unreadable("/index.sqlite")).run()
                wrong = Self.unless(result, 1, says: "check the disk and its file system")
                if Files.exists("\(cache)/quarantine/index.sqlite") { wrong = "the index was put aside" }
            }
            if let wrong { ledger.problem("\(self): \(wrong)") }
            guard self != .index, self != .failingDisk else { return }
            if Files.exists("\(cache)/blobs/sha256/\(digest.hex)") { ledger.problem("\(self): it is not put aside") }
        }

        private static func imglife(_ arguments: [String], _ cache: String) -> FaultedProgram {
            FaultedProgram(.imglife, arguments + ["--cache-dir", cache], cache: cache)
        }

        private static func verify(_ cache: String, _ digests: [Digest]) async throws -> ToolResult {
            var program = imglife(["cache", "verify"], cache)
            program.faults = digests.map { .unreadable($0.hex) }
            return try await program.run()
        }

        private static func unless(_ result: ToolResult, _ status: Int, says text: String) -> String? {
            guard result.status != status || !(result.output + result.errors).contains(text) else { return nil }
            return "\(result.status) \(result.output)\(result.errors)"
        }

        /// No client gets a byte of it that is taken for the whole.
        private static func serve(_ cache: String, _ digest: Digest) async throws -> String? {
            let answers = Watched<[RawAnswer]>([])
            let program = imglife(["serve", "--listen", "127.0.0.1:0"], cache).with(.unreadable(digest.hex))
            let result = try await program.serving { host, _ in
                for _ in 0..<2 {
                    let answer = try await RawClient(host).get("/v2/up/app/blobs/\(digest)")
                    answers.update { $0.append(answer) }
                }
            }
            guard answers.value.count == 2, result.status == 0 else { return "\(result.status) \(result.output)" }
            let (first, second) = (answers.value[0], answers.value[1])
            guard first.status != 200 || "\(first.body.readableBytes)" != first.headers["Content-Length"] else {
                return "it was served"
            }
            return second.status == 404 ? nil : "asked again: \(second.status) \(second.text)"
        }
    }
}
