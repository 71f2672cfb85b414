import OCI
import TestSupport

@testable import Registry
@testable import Sync

/// A source with a mirror before it, and a target.
struct MirrorFixture {
    static let repository: RepositoryName = "library/app"
    /// Nobody listens there.
    static let refusing: RegistryHost = "127.0.0.1:1"

    let host: ScriptedRegistry
    let mirror: ScriptedRegistry
    let target: ScriptedRegistry
    var run: MirrorRun

    /// Runs a body with an image that host and mirror have; only the host has its tag.
    static func with(_ image: SampleImage = .image(), _ body: (MirrorFixture) async throws -> Void) async throws {
        try await ScriptedRegistry.with { host in
            try await ScriptedRegistry.with { mirror in
                try await ScriptedRegistry.with { target in
                    host.load(image, repository: repository, tag: "v1")
                    mirror.load(image, repository: repository)
                    try await MirrorRun.with { run in
                        try await body(MirrorFixture(host: host, mirror: mirror, target: target, run: run))
                    }
                }
            }
        }
    }

    /// Mirrors the tag with the fixture's mirror before the source, or with others.
    func sync(
        _ tags: String = "tag: v1",
        from source: RegistryHost? = nil,
        mirrors: [RegistryHost] = []
    ) async throws
        -> SyncReport
    {
        let source = source ?? host.host
        let list = (mirrors.isEmpty ? [mirror.host] : mirrors).map { "'\($0)'" }.joined(separator: ", ")
        var run = run
        run.sections = "registries: {'\(source)': {mirrors: [\(list)]}}\n"
        return try await run.run("source: '\(source)/library/app', target: '\(target.host)/app', \(tags)")
    }

    /// Mirrors twenty tags, `v1.1` to `v1.20`, that only the host has.
    func syncTwentyTags() async throws -> SyncReport {
        for number in 1...20 {
            let image = SampleImage.image(layers: [.init(seed: UInt64(number), size: 5000)])
            host.load(image, repository: Self.repository, tag: try TagName("v1.\(number)"))
        }
        return try await sync("tag_regex: '^v1[.]'")
    }

    func targetHolds(_ image: SampleImage) -> Bool {
        target.store.holds(image, repository: "app") && target.store.digest(of: "v1", in: "app") == image.digest
    }

    func warnings(_ text: String) -> Int {
        run.log.text.split(separator: "\n").count { $0.hasPrefix("warning") && $0.contains(text) }
    }

    /// The source with its mirror, of which nothing is known yet.
    func withSource(clock: TestClock, _ body: (MirroredSource) async throws -> Void) async throws {
        try await RegistryClient.with(Self.registries(clock)) { client in
            func repository(_ registry: ScriptedRegistry) -> Repository {
                client.repository(RepositoryReference(host: registry.host, repository: Self.repository), for: .pull)
            }
            let health = MirrorHealth(logger: run.log.logger, clock: clock)
            try await body(MirroredSource(host: repository(host), mirrors: [repository(mirror)], health: health))
        }
    }

    static func registries(_ clock: TestClock) -> RegistryConfiguration {
        var registries = RegistryConfiguration(logger: LogText().logger)
        registries.clock = clock
        registries.retry.attempts = 2
        return registries
    }
}
