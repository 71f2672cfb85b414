import OCI
import TestSupport
import Testing

/// A directory with a cache that a run has filled, and no configuration.
struct FilledCache {
    let path: String
    let image: SampleImage
    let host: String

    /// What `up/app:1.0` takes.
    var bytes: Int64 {
        image.blobs.reduce(0) { $0 + $1.descriptor.size } + image.manifests.reduce(0) { $0 + $1.descriptor.size }
    }

    func run(_ arguments: String...) async throws -> ToolResult {
        try await program(["cache"] + arguments)
    }

    /// Runs any command on it.
    func program(_ arguments: [String]) async throws -> ToolResult {
        try await Tool.run(
            "env",
            ["--chdir=\(path)", "--", Tool.builtProduct("imglife")] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "HOME": path, "IMGLIFE_CACHE_DIR": "\(path)/store"],
            inheritsEnvironment: false
        )
    }

    /// With `up/app:1.0`, and what else is loaded before a run mirrors all tags.
    static func with(
        _ load: (ScriptedRegistry) throws -> Void = { _ in },
        _ body: (FilledCache) async throws -> Void
    ) async throws {
        let image = SampleImage.multiPlatform(layerSize: 40_000)
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "up/app", tag: "1.0")
            try load(registry)
            try await ScriptedRegistry.with { target async throws in
                try await TemporaryDirectory.with { path async throws in
                    let entries = registry.store.repositories.map { name in
                        "{source: \(registry.host)/\(name), target: \(target.host)/down/\(name), tag_regex: ., "
                            + "referrers: true}"
                    }
                    try Files.write("sync: {entries: [\(entries.joined(separator: ", "))]}", to: "\(path)/sync.yaml")
                    let result = try await Tool.run(
                        Tool.builtProduct("imglife"),
                        ["sync", "--config", "\(path)/sync.yaml", "--cache-dir", "\(path)/store", "--progress", "none"]
                    )
                    try #require(result.status == 0, "\(result.output)\(result.errors)")
                    try await body(FilledCache(path: path, image: image, host: "\(registry.host)"))
                }
            }
        }
    }
}
