import Glibc
import OCI
import TestSupport
import Testing

/// `sync --offline`: from the cache to the targets, with nobody else there.
@Suite(.timeLimit(.minutes(10)))
struct OfflineTests {
    private static let alpine = (1...4).map { number in
        SampleImage.multiPlatform(
            platforms: ["amd64", "arm64", "s390x"].map { Platform(os: "linux", architecture: $0) },
            seed: UInt64(number)
        )
    }
    private static let golang = SampleImage.multiPlatform(seed: 20)
    private static let labelled = SampleImage.image(labels: ["org.opencontainers.image.version": "1.21.9"])
    private static let signature = SampleImage.artifact(of: golang.top)

    private static func entries(_ upstream: String, _ target: ScriptedRegistry) -> [Entry] {
        [
            Entry(
                "\(upstream)/alpine",
                to: target.place("alpine"),
                "tag_regex: '^3'",
                "keep_last: 2",
                "platforms: [linux/amd64, linux/arm64]",
                "check_digest: true",
                "lifecycle: {product: alpine, track: minor}"
            ),
            Entry(
                "docker.io/golang",
                to: target.place("golang"),
                "tag_regex: ^alpine",
                "os_normalize: true",
                "referrers: true"
            ),
            Entry("docker.io/golang", to: target.place("versions"), "tag: 1.22-alpine3.21"),
            Entry("\(upstream)/one", to: target.place("one"), "tag: v1", "platforms: [linux/arm64]"),
        ]
    }

    /// With the referrers interface.
    private static var configuration: ScriptedRegistry.Configuration {
        var configuration = ScriptedRegistry.Configuration()
        configuration.options.referrersAPI = true
        return configuration
    }

    /// Mirrors into the cache, and goes on when the sources are gone and the target is empty.
    private static func mirrored(
        _ body: (
            Workspace, _ target: ScriptedRegistry, _ service: ScriptedRegistry, _ before: [String: [String: Digest]]
        )
            async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(configuration) { target async throws in
            try await ScriptedRegistry.with { service async throws in
                try await Workspace.with { workspace async throws in
                    try await fill(workspace, target, service)
                    let before = Self.tags(of: target)
                    for name in target.store.repositories { target.store.remove(try RepositoryName(name)) }
                    target.forgetRequests()
                    service.forgetRequests()
                    try await body(workspace, target, service, before)
                }
            }
        }
    }

    private static func fill(
        _ workspace: Workspace,
        _ target: ScriptedRegistry,
        _ service: ScriptedRegistry
    ) async throws {
        try await ScriptedRegistry.with(configuration) { upstream async throws in
            for (number, image) in alpine.enumerated() {
                upstream.load(image, repository: "alpine", tag: try TagName("3.\(18 + number)"))
            }
            for tag in ["alpine3.21", "1.22-alpine3.21"] as [TagName] {
                upstream.load(golang, repository: "library/golang", tag: tag)
            }
            upstream.load(labelled, repository: "library/golang", tag: "alpine3.20")
            upstream.load(signature, repository: "library/golang")
            upstream.load(golang, repository: "one", tag: "v1")
            let rows = [("alpine3.20", labelled), ("alpine3.21", golang), ("1.22-alpine3.21", golang)]
            _ = HubStandIn(
                upstream,
                repository: "library/golang",
                rows: rows.map { HubStandIn.Row($0.0, digest: $0.1.digest) }
            )
            let head = """
                registries: {docker.io: {endpoint: '\(upstream.url)', hub_api: '\(upstream.url)'}}
                lifecycle: {eol_url: '\(service.url)'}
                sync:
                  entries:

                """
            try workspace.configure(head + entries("\(upstream.host)", target).map(\.text).joined())
            let result = try await workspace.run("sync")
            #expect(result.counts == [6, 6, 0, 0], "\(result.output)\(result.errors)")
        }
    }

    private static func tags(of target: ScriptedRegistry) -> [String: [String: Digest]] {
        Dictionary(
            uniqueKeysWithValues: target.store.repositories.compactMap { name in
                (try? RepositoryName(name)).map { (name, target.store.tags(of: $0)) }
            }
        )
    }

    @Test("With the sources gone the targets get the same tags and digests from the cache")
    func pushes() async throws {
        try await Self.mirrored { workspace, target, service, before async throws in
            let result = try await workspace.run("sync", "--offline")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.counts == [6, 6, 0, 0])
            #expect(result.output.contains("Downloaded 0 B · from cache"), "\(result.output)")
            #expect(Self.tags(of: target) == before)
            #expect(before["golang"]?.keys.sorted() == ["1.21-alpine3.20", "1.22-alpine3.21"])
            #expect(target.store.holds(Self.golang, repository: "golang"))
            #expect(target.store.holds(Self.signature, repository: "golang"))
            #expect(result.output.contains("tracked tags"))
            #expect(service.requests.isEmpty)
            let again = try await workspace.run("sync", "--offline", "--output", "json")
            let report = try JSONValue(parsing: again.stdout)
            #expect(again.status == 0 && report["totals"]?["up_to_date"]?.integer == 6)
            #expect(report["rows"]?.elements?.contains { $0["drifted"]?.bool == true } == false)
        }
    }

    @Test("The list and a dry run work from the cache, and write nothing")
    func looks() async throws {
        try await Self.mirrored { workspace, target, _, _ async throws in
            let list = try await workspace.run("sync", "--offline", "--list")
            #expect(list.status == 0, "\(list.output)\(list.errors)")
            try #require(list.lines.count == 6)
            #expect(list.lines[0].contains("/alpine:3.21 -> ") && list.lines[1].contains("/alpine:3.20 -> "))
            #expect(
                list.output.contains("docker.io/library/golang:alpine3.21 -> \(target.host)/golang:1.22-alpine3.21")
            )
            #expect(target.requests.isEmpty)
            let rehearsal = try await workspace.run("sync", "--offline", "--dry-run")
            #expect(rehearsal.status == 0)
            #expect(rehearsal.counts == [6, 6, 0, 0])
            #expect(target.store.repositories.isEmpty)
        }
    }

    @Test("What the cache lacks is an error of its tag that names it, in a dry run too", arguments: [true, false])
    func missing(isDryRun: Bool) async throws {
        try await Self.mirrored { workspace, target, _, _ async throws in
            let layer = Self.labelled.blobs[1].descriptor.digest
            unlink("\(workspace.cache)/blobs/sha256/\(layer.hex)")
            let text = try Files.text("\(workspace.path)/imglife.yaml")
            try workspace.configure(
                text + Entry("quay.io/never/seen", to: target.place("a"), "tag_regex: .").text
                    + Entry("docker.io/golang", to: target.place("b"), "tag: missing").text
            )
            let arguments = ["sync", "--offline"] + (isDryRun ? ["--dry-run"] : [])
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 1)
            #expect(result.counts == [8, 5, 0, 3], "\(result.output)")
            let texts = [
                "the cache does not hold docker.io/library/golang@\(layer)",
                "the cache holds no tag of quay.io/never/seen",
                "the cache does not hold docker.io/library/golang:missing",
            ]
            for text in texts { #expect(result.failures.contains { $0.contains(text) }, "\(result.output)") }
            #expect(result.failures.allSatisfy { $0.contains("sync or import it first") })
        }
    }

    @Test("Without a cache there is nothing to read, and none is made")
    func noCache() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Entry("quay.io/a", to: "registry.example.com/a", Entry.all))
            for command in [[], ["--list"], ["--dry-run"]] {
                let result = try await workspace.launch([Workspace.program, "sync", "--offline"] + command)
                #expect(result.status == 1)
                #expect(result.errors.contains("there is no cache in var/cache"), "\(result.errors)")
            }
            #expect(!Files.exists(workspace.cache))
        }
    }

    @Test("It works where there is no network but loopback", .requires(.ownNetwork, .tool("docker-registry")))
    func isolated() async throws {
        try await Mirror.with { mirror async throws in
            let workspace = mirror.workspace
            let source = mirror.upstream.place("up/app")
            try workspace.configure(Entry(source, to: mirror.target.place("down/app"), "tag_regex: ."))
            #expect(try await workspace.run("sync").status == 0)
            try workspace.configure(Entry(source, to: "127.0.0.1:5000/down/app", "tag_regex: ."))
            let registry = """
                version: 0.1
                storage: {filesystem: {rootdirectory: '\(workspace.path)/registry'}}
                http: {addr: '127.0.0.1:5000'}
                """
            try Files.write(registry, to: "\(workspace.path)/registry.yml")
            let script = """
                ip link set lo up
                docker-registry serve registry.yml >registry.log 2>&1 &
                "$imglife" sync --offline --output json
                status=$?
                kill $!
                exit $status
                """
            let result = try await workspace.shell(
                "exec unshare -n sh -c '\(script.replacing("'", with: "'\\''"))'",
                environment: [
                    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "IMGLIFE_RETRY_ATTEMPTS": "50",
                    "IMGLIFE_RETRY_INITIAL_DELAY": "100ms", "IMGLIFE_RETRY_BACKOFF": "1",
                ]
            )
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let link =
                "\(workspace.path)/registry/docker/registry/v2/repositories/down/app/_manifests/tags/1/current/link"
            #expect(try Files.text(link) == mirror.image.digest.description)
        }
    }
}
