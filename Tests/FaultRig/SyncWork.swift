import OCI
import TestSupport

/// Images at a registry that `imglife sync` is to mirror to another place of the same registry through a cache.
struct SyncWork: Sendable {
    let registry: ScriptedRegistry
    let images: [SampleImage]
    /// Blobs that a first run brings, manifests included.
    var blobCount: Int { images.reduce(0) { $0 + $1.blobs.count + $1.manifests.count } }
    private let source: RepositoryName = "up/app"

    /// As many images as are asked for, each with a config and so many layers.
    static func with<R>(
        images count: Int = 4,
        layers: Int = 4,
        layerSize: Int = 30_000,
        _ body: (SyncWork) async throws -> R
    ) async throws -> R {
        try await ScriptedRegistry.with { registry async throws in
            // All bytes shall pass through the cache.
            registry.options.mounts = false
            let images = (1...count).map { number in
                SampleImage.image(
                    layers: (1...layers).map { .init(seed: UInt64(number * 10 + $0), size: layerSize + $0 * 1000) },
                    labels: ["number": "\(number)"]
                )
            }
            let work = SyncWork(registry: registry, images: images)
            for (number, image) in images.enumerated() {
                registry.load(image, repository: work.source, tag: try TagName("1.\(number)"))
            }
            return try await body(work)
        }
    }

    private func target(_ number: Int) throws -> RepositoryName { try RepositoryName("down/n\(number)") }

    /// A run in a directory; the cache is `cache` in there, the target has a name of its own for each number.
    func program(in directory: String, target number: Int, options: [String] = []) throws -> FaultedProgram {
        let file = "\(directory)/\(number).yaml"
        try Files.write(
            """
            sync:
              entries:
                - source: \(registry.host)/\(source)
                  target: \(registry.host)/\(target(number))
                  tag_regex: '.'

            """,
            to: file
        )
        let arguments = ["sync", "--config", file, "--cache-dir", "\(directory)/cache", "--progress", "none"]
        var program = FaultedProgram(.imglife, arguments + options, cache: "\(directory)/cache")
        program.directory = directory
        return program
    }

    /// What is wrong at a target that should be a copy of all images; then it is forgotten.
    func takeTarget(_ number: Int) throws -> [String] {
        let target = try target(number)
        defer { registry.store.remove(target) }
        let tags = registry.store.tags(of: target)
        return images.enumerated().compactMap { position, image in
            guard tags["1.\(position)"] == image.digest else { return "target \(number) lacks tag 1.\(position)" }
            guard registry.store.holds(image, repository: target),
                image.blobs.allSatisfy({ part in
                    guard case .bytes(let bytes) = registry.store.blob(part.descriptor.digest, in: target) else {
                        return false
                    }
                    return bytes.digest() == part.descriptor.digest
                })
            else { return "target \(number): tag 1.\(position) is not whole" }
            return nil
        }
    }

    /// Runs without a fault; what does not come right is something that only a person could put right.
    ///
    /// Nothing else has worked on the cache: so files and index agree then.
    func expectSuccess(
        _ place: String,
        in directory: String,
        target number: Int,
        _ ledger: Ledger
    ) async throws {
        try await expectCopies(place, in: directory, target: number, ledger)
        ledger.enterSettled("\(place), after the next run", try Examination("\(directory)/cache"))
    }

    /// As ``expectSuccess(_:in:target:_:)``, in a cache where others may have left what this run does not need.
    func expectCopies(
        _ place: String,
        in directory: String,
        target number: Int,
        _ ledger: Ledger
    ) async throws {
        let result = try await program(in: directory, target: number).run()
        if result.status != 0 {
            ledger.repair(
                "\(place): the next run: \(result.status) \(result.output.suffix(300))\(result.errors.suffix(300))"
            )
        }
        for text in try takeTarget(number) { ledger.repair("\(place), after the next run: \(text)") }
    }
}
