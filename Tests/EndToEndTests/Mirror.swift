import OCI
import TestSupport
import Testing

/// One image in one scripted registry, to be mirrored into another: the stage for faults.
struct Mirror: Sendable {
    let upstream: ScriptedRegistry
    let target: ScriptedRegistry
    var workspace: Workspace
    let image: SampleImage

    static let smallImage = SampleImage.multiPlatform(layerSize: 200_000)

    static func with(
        _ image: SampleImage = smallImage,
        upstream configuration: ScriptedRegistry.Configuration = .init(),
        target targetConfiguration: ScriptedRegistry.Configuration = .init(),
        _ body: (Mirror) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(configuration) { upstream async throws in
            try await ScriptedRegistry.with(targetConfiguration) { target async throws in
                upstream.load(image, repository: "up/app", tag: "1")
                try await Workspace.with { workspace async throws in
                    try workspace.configure(Entry(upstream.place("up/app"), to: target.place("down/app"), "tag: '1'"))
                    try await body(Mirror(upstream: upstream, target: target, workspace: workspace, image: image))
                }
            }
        }
    }

    /// The image's largest blob.
    var layer: Digest { image.blobs[1].descriptor.digest }

    /// Runs to the end and expects the target to hold the image, byte for byte.
    func expectSuccess(environment: [String: String] = [:]) async throws {
        let result = try await workspace.run("sync", "--progress", "none", environment: environment)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(target.store.digest(of: "1", in: "down/app") == image.digest)
        let isWhole = target.store.holds(image, repository: "down/app")
        #expect(isWhole)
        let files = CacheFiles(path: workspace.cache)
        #expect(try files.wrongBlobs() == [])
        #expect(try files.partials() == [])
        #expect(try files.images() == [upstream.place("up/app") + ":1": image.digest])
    }

    /// Runs to the end and expects one failure, told in one line, and nothing under the tag.
    @discardableResult
    func expectFailure(environment: [String: String] = [:], naming parts: String...) async throws -> ToolResult {
        let result = try await workspace.run("sync", "--progress", "none", environment: environment)
        #expect(result.status == 1)
        #expect(result.counts == [1, 0, 0, 1])
        #expect(result.failures.count == 1 && result.lines.count == 8, "\(result.output)")
        #expect(result.errorLines.filter { $0.contains(" ERROR ") }.count == 1, "\(result.errors)")
        for part in parts { #expect(result.failures.first?.contains(part) == true, "\(result.output)") }
        #expect(target.store.tags(of: "down/app").isEmpty)
        #expect(try CacheFiles(path: workspace.cache).wrongBlobs() == [])
        return result
    }
}

/// A fault of a registry, by the rule that brings it about.
struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let match: RequestMatch
    let action: Action
}
