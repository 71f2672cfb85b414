import NIOCore
import OCI
import TestSupport

/// An image at a registry that clients pull through `imglife serve`.
struct PullWork: Sendable {
    private static let clients = 4
    private static let repository: RepositoryName = "up/served"

    private let registry: ScriptedRegistry
    private let image: SampleImage
    private let program: FaultedProgram
    private let tag: String

    /// Each number is another image, so that each is fetched anew.
    init(_ work: SyncWork, _ number: Int, in directory: String, _ faults: [Fault]) throws {
        registry = work.registry
        tag = "r\(number)"
        let layers = (1...4).map { SampleImage.Layer(seed: UInt64(700_000 + number * 10 + $0), size: 150_000) }
        image = SampleImage.image(layers: layers, labels: ["served": "\(number)"])
        registry.load(image, repository: Self.repository, tag: try TagName(tag))
        let file = "\(directory)/serve.yaml"
        let entry = "source: \(registry.host)/\(Self.repository)\n      target: \(registry.host)/nowhere\n"
        try Files.write("sync:\n  entries:\n    - \(entry)      tag_regex: '.'\n", to: file)
        let cache = "\(directory)/cache"
        let options = ["--pull-through", "--listen", "127.0.0.1:0", "--config", file, "--cache-dir", cache]
        var program = FaultedProgram(.imglife, ["serve"] + options, cache: cache)
        program.directory = directory
        program.faults = faults
        self.program = program
    }

    /// Pulls with several clients until the server dies, and tells of every answer that was not what it said to be.
    func untilKilled(
        _ place: String,
        _ ledger: Ledger,
        served: @escaping @Sendable (_ whole: Bool) -> Void
    ) async throws -> ToolResult {
        try await program.serving { host, server in
            while !server.value.isOver {
                try await pull(from: host) { answer, part in
                    if answer.status == 200 { served(answer.body.readableBytes == part.source.count) }
                    if let wrong = Self.wrong(answer, part) { ledger.wrong("\(place): served \(wrong)") }
                }
            }
        }
    }

    /// Pulls everything once from a server without faults, which then is told to stop.
    func expectSuccess(_ place: String, _ ledger: Ledger) async throws {
        let answers = Watched(0)
        let result = try await program.serving { host, _ in
            try await pull(from: host) { answer, part in
                answers.update { $0 += 1 }
                guard answer.status != 200 || answer.body != part.source.buffer else { return }
                ledger.repair("\(place): the next serve answers \(answer.status) for \(part.descriptor.digest)")
            }
        }
        let expected = Self.clients * (image.blobs.count + image.manifests.count)
        if result.status != 0 || answers.value != expected {
            ledger.repair(
                "\(place): the next serve: \(result.status), \(answers.value) answers \(result.output.suffix(300))"
            )
        }
    }

    private func pull(
        from host: RegistryHost,
        _ check: @escaping @Sendable (RawAnswer, SampleImage.Part) -> Void
    ) async throws {
        let path = "/v2/\(registry.host.name)_\(registry.host.port ?? 0)/\(Self.repository)"
        await withDiscardingTaskGroup { group in
            for client in 0..<Self.clients {
                group.addTask {
                    guard let top = image.manifests.last else { return }
                    // A connection that is refused or reset is what clients of a killed server see.
                    guard let answer = try? await RawClient(host).get("\(path)/manifests/\(tag)") else { return }
                    check(answer, top)
                    for position in image.blobs.indices {
                        let part = image.blobs[(position + client) % image.blobs.count]
                        let digest = part.descriptor.digest
                        guard let answer = try? await RawClient(host).get("\(path)/blobs/\(digest)") else { return }
                        check(answer, part)
                    }
                }
            }
        }
    }

    /// What is wrong about an answer of a server that may die at any time: it may be short, and then says so.
    private static func wrong(_ answer: RawAnswer, _ part: SampleImage.Part) -> String? {
        let digest = part.descriptor.digest
        let expected = part.source.buffer
        guard answer.status != 0 else { return nil }
        guard answer.status == 200 else { return "\(answer.status) for \(digest): \(answer.text.prefix(200))" }
        guard answer.headers["Content-Length"] == "\(expected.readableBytes)" else { return "no length of \(digest)" }
        let length = answer.body.readableBytes
        guard answer.body == expected.getSlice(at: expected.readerIndex, length: min(length, expected.readableBytes))
        else { return "wrong bytes of \(digest), \(length) of \(expected.readableBytes)" }
        return nil
    }
}
