import OCI
import TestSupport
import Testing

/// `imglife serve --pull-through` in the place of registries that it stands in for, several at once.
@Suite(.timeLimit(.minutes(10)))
struct StandInTests {
    private static let image = SampleImage.image(layers: [.init(seed: 1, size: 50_000), .init(seed: 2, size: 50_000)])
    /// What Docker Hub has under the same name.
    private static let other = SampleImage.image(layers: [.init(seed: 3, size: 1000)])

    private struct Stage: Sendable {
        let registry: ScriptedRegistry
        let target: ScriptedRegistry
        let server: ServingProgram
        /// Who asks the server.
        let edge: Workspace
    }

    /// Serves what two registries have under one name: Docker Hub, and one that is itself, or called quay.io.
    private static func with(isQuay: Bool, _ body: (Stage) async throws -> Void) async throws {
        try await ScriptedRegistry.with { hub in
            try await ScriptedRegistry.with { registry in
                try await ScriptedRegistry.with { target in
                    hub.load(other, repository: "team/app", tag: "v1")
                    registry.load(image, repository: "team/app", tag: "v1")
                    let place = isQuay ? "quay.io: {endpoint: '\(registry.url)'}" : "'\(registry.host)': {}"
                    let hubs = "docker.io: {endpoint: '\(hub.url)', hub_api: '\(hub.url)'}"
                    try await Workspace.with { central in
                        try central.configure("registries:\n  \(hubs)\n  \(place)\n")
                        try await ServingProgram.with(central, ["--pull-through", "--tag-ttl", "0s"]) { server in
                            try await Workspace.with { edge in
                                try await body(Stage(registry: registry, target: target, server: server, edge: edge))
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("Under a registry's endpoint it gives that registry's image, and not another's of the same name")
    func endpoint() async throws {
        try await Self.with(isQuay: true) { stage in
            try stage.edge.configure(
                Entry("quay.io/team/app", to: stage.target.place("app"), "tag_regex: '^v'"),
                head: "registries: {quay.io: {endpoint: 'http://\(stage.server.host)'}}\n"
            )
            let result = try await stage.edge.run("sync", "--progress", "none")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(stage.target.store.digest(of: "v1", in: "app") == Self.image.digest)
        }
    }

    @Test("As a mirror it takes all downloads of several runs upon itself, and stands in for the registry alone")
    func mirror() async throws {
        try await Self.with(isQuay: false) { stage in
            let head = "registries: {'\(stage.registry.host)': {mirrors: ['\(stage.server.host)']}}\n"
            for number in 0..<3 {
                try await Workspace.with { shard in
                    // The last finds the registry out of reach, whose tag the server has been asked for before.
                    if number == 2 {
                        _ = try await stage.server.client.get("/v2/team/app/manifests/v1?ns=\(stage.registry.host)")
                        stage.registry.script(.init(times: nil), .resetBeforeHead)
                    }
                    let name = try RepositoryName("app\(number)")
                    let target = stage.target.place("\(name)")
                    try shard.configure(Entry(stage.registry.place("team/app"), to: target, "tag: v1"), head: head)
                    let result = try await shard.run("sync", "--progress", "none")
                    #expect(result.status == 0, "\(result.output)\(result.errors)")
                    #expect(stage.target.store.digest(of: "v1", in: name) == Self.image.digest)
                }
            }
            let fetches = RequestLog(stage.registry).blobFetches
            #expect(fetches.count == Self.image.blobs.count && fetches.values.allSatisfy { $0 == 1 }, "\(fetches)")
        }
    }

    @Test("Before another server it stands in for the one registry that is meant, its list of tags too")
    func chain() async throws {
        try await Self.with(isQuay: false) { stage in
            let namespace = "?ns=\(stage.registry.host)"
            _ = try await stage.server.client.get("/v2/team/app/manifests/v1\(namespace)")
            _ = try await stage.server.client.get("/v2/team/app/tags/list\(namespace)")
            stage.registry.script(.init(times: nil), .resetBeforeHead)
            try stage.edge.configure("registries: {'\(stage.registry.host)': {mirrors: ['\(stage.server.host)']}}\n")
            try await ServingProgram.with(stage.edge, ["--pull-through"]) { server in
                let manifest = try await server.client.get("/v2/team/app/manifests/v1\(namespace)")
                #expect(manifest.body == Self.image.topBytes && manifest.headers["Warning"] != nil)
                let tags = try await server.client.get("/v2/team/app/tags/list\(namespace)")
                #expect(tags.text.contains(#""tags":["v1"]"#), "\(tags.text)")
            }
        }
    }
}
