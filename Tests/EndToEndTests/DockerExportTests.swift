import NIOCore
import OCI
import TestSupport
import Testing

/// Exports of signed images, of what docker cannot load, and of tags that are named like a signature's.
@Suite(.timeLimit(.minutes(10)))
struct DockerExportTests {
    private static let image = SampleImage.image(layers: [.init(seed: 81, size: 5000)])
    private static let other = SampleImage.image(layers: [.init(seed: 82, size: 5000)])
    private static let signature = SampleImage.cosignSignature(of: image.top)
    private static let chart = SampleImage.content(
        config: ("application/vnd.cncf.helm.config.v1+json", "{}"),
        layers: [("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "chart")]
    )

    private static func tag(_ image: SampleImage, _ ending: String = "") -> String {
        "sha256-\(image.digest.hex)\(ending)"
    }

    /// A cache that holds some images, by name below `up/`.
    private static func with(
        _ images: [String: SampleImage],
        _ body: (Workspace, _ upstream: ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            for (name, image) in images {
                let parts = name.split(separator: ":").map(String.init)
                upstream.load(image, repository: try RepositoryName("up/\(parts[0])"), tag: try TagName(parts[1]))
            }
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '1'"))
                let names = images.keys.map { upstream.place("up/\($0)") }
                let all = try await workspace.launch([Workspace.program, "export", "-o", "all.tar"] + names)
                #expect(all.status == 0, "\(all.errors)")
                try Files.remove("\(workspace.path)/imglife.yaml")
                try await body(workspace, upstream)
            }
        }
    }

    private static func export(_ workspace: Workspace, _ more: [String] = []) async throws -> ToolResult {
        let command = [
            Workspace.program, "export", "-o", "a.tar", "--force", "--cache-dir", workspace.cache, "--offline",
        ]
        return try await workspace.launch(command + ["--progress", "none", "--output", "json"] + more)
    }

    private static func names(_ result: ToolResult, _ upstream: ScriptedRegistry) throws -> Set<String> {
        #expect(result.status == 0, "\(result.errors)")
        let document = try JSONValue(parsing: .init(string: result.output))
        let references = document["images"]?.elements?.compactMap { $0["reference"]?.string } ?? []
        return Set(references.map { $0.replacing("\(upstream.place("up/"))", with: "") })
    }

    private static func dockerNames(_ workspace: Workspace, _ upstream: ScriptedRegistry) async throws -> Set<String> {
        let text = try await Tool.check("tar", ["-xOf", "\(workspace.path)/a.tar", "manifest.json"]).output
        let items = try JSONValue(parsing: .init(string: text)).elements ?? []
        let names = items.flatMap { $0["RepoTags"]?.elements?.compactMap(\.string) ?? [] }
        return Set(names.map { $0.replacing("\(upstream.place("up/"))", with: "") })
    }

    @Test(
        "A signature goes along and is not listed for docker; of an archive for docker alone it is left out, and a line says so"
    )
    func signed() async throws {
        let images = ["app:1": Self.image, "app:\(Self.tag(Self.image, ".sig"))": Self.signature]
        try await Self.with(images) { workspace, upstream async throws in
            for wish in [[], [upstream.place("up/app:1")], [upstream.place("up/*")]] {
                let result = try await Self.export(workspace, wish)
                #expect(
                    try Self.names(result, upstream) == Set(images.keys) && result.errors.isEmpty,
                    "\(result.errors)"
                )
                #expect(try await Self.dockerNames(workspace, upstream) == ["app:1"])
                let alone = try await Self.export(workspace, ["--docker-only"] + wish)
                #expect(try Self.names(alone, upstream) == ["app:1"])
                #expect(try await Self.dockerNames(workspace, upstream) == ["app:1"])
                #expect(alone.errorLines.count == 1 && alone.errors.contains("are left out"), "\(alone.errors)")
            }
        }
    }

    @Test("An archive for docker alone is refused when something cannot be in it, and each is named")
    func unsuitable() async throws {
        let images = ["app:1": Self.image, "chart:1": Self.chart, "windows:1": SampleImage.withForeignLayer().image]
        try await Self.with(images) { workspace, upstream async throws in
            #expect(try Self.names(await Self.export(workspace), upstream) == Set(images.keys))
            try Files.remove("\(workspace.path)/a.tar")
            let result = try await Self.export(workspace, ["--docker-only"])
            #expect(result.status == 1 && result.errorLines.count == 1)
            for name in ["chart:1", "windows:1"] {
                #expect(
                    result.errors.contains("\(upstream.place("up/\(name)")): docker cannot load it: "),
                    "\(result.errors)"
                )
            }
            #expect(!result.errors.contains("up/app:1") && !Files.exists("\(workspace.path)/a.tar"))
            let named = try await Self.export(workspace, ["--docker-only", upstream.place("up/app")])
            #expect(try Self.names(named, upstream) == ["app:1"])
        }
    }

    @Test("A tag that is named like a referrer's and is nobody's is exported as it is")
    func lookalikes() async throws {
        let images = [
            "app:1": Self.image, "app:\(Self.tag(Self.image, ".sig"))": Self.signature,
            "app:\(Self.tag(Self.image, ".vex"))": Self.signature, "mirror:\(Self.tag(Self.other))": Self.other,
            "signatures:\(Self.tag(Self.image, ".sig"))": Self.signature,
        ]
        try await Self.with(images) { workspace, upstream async throws in
            #expect(try Self.names(await Self.export(workspace), upstream) == Set(images.keys))
            for repository in ["mirror", "signatures"] {
                let wanted = images.keys.filter { $0.hasPrefix("\(repository):") }
                for wish in [upstream.place("up/\(repository)"), upstream.place("up/\(repository):*")] {
                    #expect(try Self.names(await Self.export(workspace, [wish]), upstream) == Set(wanted))
                }
            }
            // Nobody named what docker cannot load.
            let docker = try await Self.export(workspace, ["--docker-only"])
            let loaded: Set = ["app:1", "mirror:\(Self.tag(Self.other))"]
            #expect(try Self.names(docker, upstream) == loaded)
            #expect(try await Self.dockerNames(workspace, upstream) == loaded)
            #expect(docker.errorLines.count == 1 && docker.errors.contains("are left out"), "\(docker.errors)")
            let none = try await Self.export(workspace, ["--docker-only", upstream.place("up/signatures")])
            #expect(none.status == 1 && none.errors.contains("docker can load nothing"), "\(none.errors)")
        }
    }

    @Test("Beside one platform of an image the signature of the whole is left out, and a line says so")
    func platform() async throws {
        let index = SampleImage.multiPlatform(seed: 83)
        let tag = "app:\(Self.tag(index, ".sig"))"
        let images = ["app:1": index, tag: SampleImage.cosignSignature(of: index.top)]
        try await Self.with(images) { workspace, upstream async throws in
            let platform = ["--platform", "linux/arm64"]
            for options in [platform, platform + ["--docker-only"]] {
                let result = try await Self.export(workspace, options)
                #expect(try Self.names(result, upstream) == ["app:1"])
                #expect(result.errors.contains(tag) && result.errors.contains("are left out"), "\(result.errors)")
            }
        }
    }
}
