import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// `imglife serve --pull-through` where something is short: connections, disk space, what a registry understands.
@Suite(.timeLimit(.minutes(10)))
struct PullThroughLimitTests {
    private static let size = 12 << 20
    private static let image = SampleImage.image(layers: [.init(seed: 3, size: size)])
    private static var layer: SampleImage.Part { image.blobs[1] }

    @Test(
        "A registry's limit counts for all that the server asks, named by entries or not, and questions pass by downloads",
        .timeLimit(.minutes(10))
    )
    func connections() async throws {
        let layers = (1...6).map { SampleImage.Layer(seed: UInt64($0), size: 400_000) }
        let images = [SampleImage.image(layers: Array(layers[..<3])), .image(layers: Array(layers[3...]))]
        try await ScriptedRegistry.with { upstream async throws in
            for (image, name) in zip(images, ["named/app", "other/app"] as [RepositoryName]) {
                upstream.load(image, repository: name, tag: "1")
                upstream.load(image, repository: name, tag: "2")
            }
            let valve = Valve(bytes: 1000)
            upstream.script(.init("GET", .blobs, times: nil), .trickle(valve))
            try await Workspace.with { workspace async throws in
                let head = "registries:\n  '\(upstream.host)': {max_connections: 3}\n"
                try workspace.configure(
                    Entry(upstream.place("named/app"), to: "127.0.0.1:1/down", Entry.all),
                    head: head
                )
                try await ServingProgram.with(workspace, ["--pull-through"]) { server async throws in
                    let namespace = "?ns=\(upstream.host)"
                    try await withThrowingTaskGroup(of: Bool.self) { group in
                        for (image, name) in zip(images, ["named/app", "other/app"]) {
                            #expect(try await server.client.get("/v2/\(name)/manifests/1\(namespace)").status == 200)
                            for blob in image.blobs.dropFirst() {
                                let uri = "/v2/\(name)/blobs/\(blob.descriptor.digest)\(namespace)"
                                group.addTask { try await server.client.get(uri).body == blob.source.buffer }
                            }
                        }
                        try await valve.waitForStalls(2)
                        for name in ["named/app", "other/app"] {
                            #expect(try await server.client.get("/v2/\(name)/manifests/2\(namespace)").status == 200)
                        }
                        #expect(upstream.requests.count { $0.method == "GET" && $0.path.contains("/blobs/") } == 2)
                        valve.open()
                        for try await isRight in group { #expect(isRight) }
                    }
                }
            }
            // Some may have been replaced; clients with connections of their own would open eight.
            #expect(upstream.connectionCount < 8)
        }
    }

    @Test("Without `max_connections` all places that a registry has at first but one are for blobs")
    func standardConnections() async throws {
        let image = SampleImage.image(layers: (1...9).map { SampleImage.Layer(seed: UInt64($0), size: 400_000) })
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1")
            let valve = Valve(bytes: 1000)
            upstream.script(.init("GET", .blobs, times: nil), .trickle(valve))
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                try await ServingProgram.with(workspace, ["--pull-through"]) { server async throws in
                    let path = "/v2/up/app"
                    _ = try await server.client.get("\(path)/manifests/1?ns=\(upstream.host)")
                    try await withThrowingTaskGroup(of: Bool.self) { group in
                        for blob in image.blobs.dropFirst() {
                            let uri = "\(path)/blobs/\(blob.descriptor.digest)?ns=\(upstream.host)"
                            group.addTask { try await server.client.get(uri).body == blob.source.buffer }
                        }
                        try await valve.waitForStalls(7)
                        valve.open()
                        for try await isRight in group { #expect(isRight) }
                    }
                }
            }
        }
    }

    @Test("A registry that does not know HEAD for manifests is asked by GET", arguments: [404, 405])
    func withoutHEAD(status: Int) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(Self.image, repository: "up/app", tag: "1")
            upstream.script(.init("HEAD", .manifests, times: nil), .status(status))
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                try await ServingProgram.with(workspace, ["--pull-through", "--tag-ttl", "0s"]) { server async throws in
                    let uri = "/v2/up/app/manifests/1?ns=\(upstream.host)"
                    #expect(try await server.client.request("HEAD", uri).status == 200)
                    #expect(try await server.client.get(uri).body == Self.image.topBytes)
                    let none = "/v2/up/app/manifests/none?ns=\(upstream.host)"
                    #expect(try await server.client.get(none).status == 404)
                }
            }
        }
    }

    @Test(
        "On a full disk clients get what they ask for and the log says why it is not kept; with space again it is kept",
        .requires(.mounting),
        .timeLimit(.minutes(10)),
        arguments: ["count=20", "count=1000"]
    )
    func fullDisk(filling: String) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(Self.image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                let mount = "mkdir -p small && mount -t tmpfs -o size=28m none small"
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                let launcher = ["unshare", "-m", "sh", "-c", "\(mount) && echo $$ >pid && exec \"$0\" \"$@\""]
                let arguments = ["--pull-through", "--cache-dir", "small/cache"]
                try await ServingProgram.with(workspace, arguments, launcher: launcher) { server async throws in
                    let disk = "/proc/$(cat pid)/root/\(workspace.path)/small"
                    _ = try await workspace.shell("dd if=/dev/zero of=\(disk)/filler bs=1M \(filling)")
                    try await Self.pull(from: server, upstream, clients: 10)
                    #expect(server.log.contains { $0.contains("a blob is served, but not cached") })
                    let asked = Self.downloads(upstream)
                    #expect((1...10).contains(asked))
                    #expect(try await workspace.shell("rm \(disk)/filler").status == 0)
                    try await Self.pull(from: server, upstream, clients: 1)
                    #expect(Self.downloads(upstream) == asked + 1)
                    upstream.script(.init(times: nil), .status(503))
                    try await Self.pull(from: server, upstream, clients: 1)
                }
            }
        }
    }

    /// Has clients pull the image at the same time, and looks at what they get.
    private static func pull(from server: ServingProgram, _ upstream: ScriptedRegistry, clients: Int) async throws {
        let namespace = "?ns=\(upstream.host)"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<clients {
                group.addTask {
                    let manifest = try await server.client.get("/v2/up/app/manifests/1\(namespace)")
                    #expect(manifest.body == image.topBytes)
                    for blob in image.blobs {
                        let uri = "/v2/up/app/blobs/\(blob.descriptor.digest)\(namespace)"
                        let answer = try await server.client.get(uri)
                        #expect(answer.status == 200 && answer.body == blob.source.buffer, "\(answer.status)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func downloads(_ upstream: ScriptedRegistry) -> Int {
        upstream.requests.count { $0.method == "GET" && $0.path.hasSuffix("\(layer.descriptor.digest)") }
    }
}
