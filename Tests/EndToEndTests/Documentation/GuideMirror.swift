import OCI
import TestSupport

/// Stand-ins for all that the configuration guide's examples name, and a configuration that holds every field.
struct GuideMirror: Sendable {
    /// Docker Hub and its API.
    let hub: ScriptedRegistry
    let quay: ScriptedRegistry
    /// A mirror of quay.io.
    let mirror: ScriptedRegistry
    /// Hosts that are reached over plain HTTP, through a proxy as their names lead nowhere.
    let lab: ScriptedRegistry
    /// The end-of-life service.
    let service: ScriptedRegistry
    /// With a certificate of a private authority.
    let target: ScriptedRegistry
    var workspace: Workspace

    static func with(_ body: (GuideMirror) async throws -> Void) async throws {
        let certificates = try await TestCertificates.shared()
        var secure = ScriptedRegistry.Configuration()
        secure.tls = certificates.server
        secure.hostName = "localhost"
        let isSecure = secure
        try await registries(4) { registries in
            try await ScriptedRegistry.with { service async throws in
                try await ScriptedRegistry.with(isSecure) { target async throws in
                    try await Workspace.with { workspace async throws in
                        try Files.write(
                            try Files.text(certificates.authorityFile),
                            to: "\(workspace.path)/private-ca.pem"
                        )
                        var mirror = GuideMirror(
                            hub: registries[0],
                            quay: registries[1],
                            mirror: registries[2],
                            lab: registries[3],
                            service: service,
                            target: target,
                            workspace: workspace
                        )
                        try mirror.load()
                        try await TinyProxy.with(to: mirror.lab.host.port ?? 0) { proxy async throws in
                            mirror.workspace.environment["http_proxy"] = "http://127.0.0.1:\(proxy.port)"
                            try mirror.workspace.configure(mirror.configuration)
                            try await body(mirror)
                        }
                    }
                }
            }
        }
    }

    private static func registries(
        _ count: Int,
        _ begun: [ScriptedRegistry] = [],
        _ body: ([ScriptedRegistry]) async throws -> Void
    ) async throws {
        guard begun.count < count else { return try await body(begun) }
        try await ScriptedRegistry.with { registry async throws in
            try await registries(count, begun + [registry], body)
        }
    }

    static let exporter = SampleImage.multiPlatform(seed: 77)
    static let signature = SampleImage.artifact(of: exporter.top)

    /// An image of three platforms with an attestation.
    static func image(_ seed: UInt64, annotations: [String: String] = [:]) -> SampleImage {
        let images = ["amd64", "arm64", "s390x"].map { architecture in
            let platform = Platform(os: "linux", architecture: architecture)
            return SampleImage.image(
                platform: platform,
                layers: [.init(seed: seed, size: 3000)],
                labels: ["seed": "\(seed)"]
            )
        }
        return .index(of: images + [.attestation(of: images[0])], annotations: annotations)
    }

    /// What is left of it for `linux/amd64` and `linux/arm64`.
    static func reduced(_ image: SampleImage) throws -> Digest {
        let manifest = try Manifest(bytes: image.topBytes, contentType: nil)
        let patterns = [try PlatformPattern("linux/amd64"), try PlatformPattern("linux/arm64")]
        guard case .reduced(let reduced) = try manifest.selecting(patterns)?.selection else { return image.digest }
        return reduced.descriptor.digest
    }

    private func load() throws {
        try load(
            ["3.9.1", "3.18.6", "3.20.3", "3.21.4", "3.21.5", "3.21", "latest", "edge"].enumerated().map {
                number,
                name in
                (name, Self.image(UInt64(100 + number)))
            },
            as: "library/alpine"
        )
        let current = Self.image(200)
        let old = Self.image(201, annotations: ["org.opencontainers.image.version": "1.21.9"])
        try load(
            [
                ("alpine3.21", current), ("1.22.3-alpine3.21", current), ("1.22-alpine3.21", current),
                ("1-alpine3.21", current), ("alpine3.20", old), ("bookworm", old),
            ],
            as: "library/golang"
        )
        quay.load(Self.exporter, repository: "prometheus/node-exporter", tag: "v1.9.1")
        let tag = try TagName("sha256-\(Self.exporter.digest.hex).sig")
        quay.load(Self.signature, repository: "prometheus/node-exporter", tag: tag)
        mirror.load(Self.exporter, repository: "prometheus/node-exporter")
        for repository in ["one", "two", "three"] as [RepositoryName] {
            lab.load(Self.image(300), repository: repository, tag: "2.7")
        }
        let rows = ##"[{"cycle": "3.21", "eol": false}, {"cycle": "3.20", "eol": "2020-01-01"}]"##
        service.script(.init("GET", .exactly("/api/alpine-linux.json"), times: nil), .reply(.json(200, rows)))
        let tool = ##"[{"cycle": "2", "eol": true}]"##
        service.script(.init("GET", .exactly("/api/tool.json"), times: nil), .reply(.json(200, tool)))
    }

    private func load(_ images: [(String, SampleImage)], as repository: RepositoryName) throws {
        for (tag, image) in images { hub.load(image, repository: repository, tag: try TagName(tag)) }
        let rows = images.enumerated().map { number, image in
            var row = HubStandIn.Row(image.0, digest: image.1.digest)
            row.pushed = "2025-01-0\(9 - number)T00:00:00Z"
            return row
        }
        _ = HubStandIn(hub, repository: repository.description, rows: rows)
    }
}
