import OCI
import TestSupport
import Testing

/// Real clients and credentials in front of `imglife serve --pull-through`.
@Suite(.timeLimit(.minutes(10)))
struct PullThroughClientTests {
    private let image = SampleImage.multiPlatform(layerSize: 300_000)

    @Test(
        "skopeo copies an image through an empty cache by either of its names, and again when the upstream is gone",
        // skopeo is the client here.
        .requires(.tool("skopeo"))
    )
    func skopeo() async throws {
        try await ScriptedRegistry.with { hub async throws in
            hub.load(image, repository: "library/app", tag: "1")
            try await Workspace.with { workspace async throws in
                let head = "registries:\n  docker.io:\n    endpoint: \(hub.url)\n"
                try workspace.configure(Entry("docker.io/library/app", to: "127.0.0.1:1/down", Entry.all), head: head)
                try await ServingProgram.with(workspace, ["--pull-through", "--tag-ttl", "0s"]) { server in
                    for (number, name) in ["library/app", "docker.io/library/app"].enumerated() {
                        let target = "dir:\(workspace.path)/\(number)"
                        try await Skopeo.copy("docker://\(server.host)/\(name):1", target)
                        #expect(try Files.read("\(workspace.path)/\(number)/manifest.json") == image.topBytes)
                    }
                    let blobs = RequestLog(hub).blobFetches
                    #expect(blobs.count == image.blobs.count && blobs.values.allSatisfy { $0 == 1 }, "\(blobs)")
                    hub.script(.init(times: nil), .resetBeforeHead)
                    try await Skopeo.copy("docker://\(server.host)/library/app:1", "dir:\(workspace.path)/again")
                    let namespaced = try await server.client.get("/v2/library/app/manifests/1?ns=docker.io")
                    #expect(namespaced.body == image.topBytes)
                    #expect(namespaced.headers["Warning"] != nil)
                }
                // All of it has come, so it is an ordinary image of the cache now.
                #expect(try CacheFiles(path: workspace.cache).images() == ["docker.io/library/app:1": image.digest])
            }
        }
    }

    @Test("Credentials are presented for what entries name; for the rest only where everybody may use them")
    func lending() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "me", password: "s3cret")) {
            upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1")
            upstream.load(image, repository: "private/other", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                let prefix = "IMGLIFE_127_0_0_1_\(upstream.host.port ?? 0)"
                let secrets = ["\(prefix)_USERNAME": "me", "\(prefix)_PASSWORD": "s3cret"]
                let other = "/v2/private/other/manifests/1?ns=\(upstream.host)"
                try await ServingProgram.with(workspace, ["--pull-through"], environment: secrets) { server in
                    let named = try await server.client.get("/v2/up/app/manifests/1?ns=\(upstream.host)")
                    #expect(named.status == 200)
                    let seen = upstream.requests.count
                    let refused = try await server.client.get(other)
                    #expect(refused.status == 403)
                    #expect(refused.headers["WWW-Authenticate"] == nil)
                    #expect(upstream.requests.count > seen)
                    #expect(upstream.requests.dropFirst(seen).allSatisfy { $0.headers["Authorization"] == nil })
                }
                let open = ["--pull-through", "--allow-anonymous"]
                try await ServingProgram.with(workspace, open, environment: secrets) { server in
                    let lent = try await server.client.get(other)
                    #expect(lent.status == 200)
                }
                let refused = try await workspace.run(
                    "serve",
                    "--pull-through",
                    "--listen",
                    "0.0.0.0:0",
                    environment: secrets
                )
                #expect(refused.status == 64)
                #expect(refused.errors.contains("--allow-anonymous"))
                #expect(!refused.errors.contains("s3cret"))
            }
        }
    }

    @Test(
        "Where everybody can reach the server, credentials that come later are not used, and a mirror's count from the start"
    )
    func laterLogin() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "me", password: "s3cret")) {
            upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                let entry = Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all)
                try workspace.configure(entry)
                let login = #"{"auths":{"\#(upstream.host)":{"auth":"bWU6czNjcmV0"}}}"#
                let place = ["DOCKER_CONFIG": "\(workspace.path)/docker"]
                let open = ["--pull-through", "--listen", "0.0.0.0:0"]
                try await ServingProgram.with(workspace, open, environment: place) { server in
                    let client = RawClient(try RegistryHost("127.0.0.1:\(server.host.port ?? 0)"))
                    try Files.makeDirectory("\(workspace.path)/docker")
                    try Files.write(login, to: "\(workspace.path)/docker/config.json")
                    let answer = try await client.get("/v2/up/app/manifests/1?ns=\(upstream.host)")
                    #expect(answer.status == 403)
                    #expect(upstream.requests.allSatisfy { $0.headers["Authorization"] == nil })
                }
                let head = "registries:\n  registry.example.com:\n    mirrors: ['\(upstream.host)']\n"
                try workspace.configure(
                    Entry("registry.example.com/up/app", to: "127.0.0.1:1/down", Entry.all),
                    head: head
                )
                let refused = try await workspace.launch([Workspace.program, "serve"] + open, environment: place)
                #expect(refused.status == 64, "\(refused.errors)")
            }
        }
    }

    @Test(
        "Who stands in for Docker Hub has credentials of its own: those count, and Docker Hub's do not",
        arguments: [("docker.io", ""), ("registry.example.com", "  registry.example.com: {mirrors: [docker.io]}\n")]
    )
    func standIn(source: String, mirrors: String) async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "me", password: "s3cret")) {
            proxy async throws in
            proxy.load(image, repository: "library/app", tag: "1")
            try await Workspace.with { workspace async throws in
                let head = "registries:\n  docker.io: {endpoint: '\(proxy.url)'}\n\(mirrors)"
                try workspace.configure(Entry("\(source)/library/app", to: "127.0.0.1:1/down", Entry.all), head: head)
                let login = #"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6czNjcmV0"}}}"#
                try Files.makeDirectory("\(workspace.path)/docker")
                try Files.write(login, to: "\(workspace.path)/docker/config.json")
                let place = ["DOCKER_CONFIG": "\(workspace.path)/docker"]
                let open = ["--pull-through", "--listen", "0.0.0.0:0"]
                try await ServingProgram.with(workspace, open, environment: place) { server in
                    let client = RawClient(try RegistryHost("127.0.0.1:\(server.host.port ?? 0)"))
                    #expect(try await client.get("/v2/library/app/manifests/1").status == 403)
                    #expect(proxy.requests.allSatisfy { $0.headers["Authorization"] == nil })
                }
                let prefix = "IMGLIFE_127_0_0_1_\(proxy.host.port ?? 0)"
                let own = ["\(prefix)_USERNAME": "me", "\(prefix)_PASSWORD": "s3cret"]
                let refused = try await workspace.launch([Workspace.program, "serve"] + open, environment: own)
                #expect(refused.status == 64, "\(refused.errors)")
            }
        }
    }
}
