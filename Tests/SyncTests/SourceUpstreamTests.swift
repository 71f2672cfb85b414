import Cache
import Logging
import OCI
import Registry
import Sync
import TestSupport
import Testing

/// What a server in front of a registry hears of what refers to a manifest.
@Suite(.timeLimit(.minutes(2)))
struct SourceUpstreamTests: ReferrerMirroring {
    private let image = SampleImage.multiPlatform()

    private func withUpstream(
        interface: Bool,
        _ cache: ContentCache? = nil,
        _ body: (ScriptedRegistry, any Upstream) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.referrersAPI = interface
            registry.load(image, repository: repository, tag: "v1")
            let text = "sync: {entries: [{\(entry(registry, registry))}]}"
            let configuration = try Configuration(yaml: text, file: "imglife.yaml")
            var registries = RegistryConfiguration(logger: LogText().logger)
            registries.clock = TestClock()
            registries.retry = RetryPolicy(attempts: 2)
            try await RegistryClient.with(registries) { client in
                let repositories = UpstreamRepositories(
                    configuration,
                    questions: client,
                    opening: client,
                    content: client,
                    cache: cache,
                    logger: registries.logger
                )
                let place = RepositoryReference(host: registry.host, repository: repository)
                try await body(registry, repositories.upstream(of: place))
            }
        }
    }

    @Test(
        "A refusal of the question does not say that there is nothing",
        arguments: [
            .status(401), .error(403, "DENIED"), .status(406), .html, .error(404, "MANIFEST_UNKNOWN"),
            .error(404, "NAME_UNKNOWN"),
        ] as [Action]
    )
    func refused(answer: Action) async throws {
        try await withUpstream(interface: true) { registry, upstream async throws in
            registry.script(RequestMatch("GET", "/referrers/", times: nil), answer)
            await #expect(throws: UpstreamError.self) {
                _ = try await upstream.referrers(of: image.digest, knowing: [])
            }
            try list([.artifact(of: image.top)], of: image.digest, at: registry)
            #expect(try await upstream.referrers(of: image.digest, knowing: []).entries.count == 1)
        }
    }

    @Test("What is listed under the tag is looked at where more was known; who refuses to tell may have more")
    func whole() async throws {
        let (own, other) = (SampleImage.artifact(of: image.top), SampleImage.artifact(of: image.top, content: "other"))
        try await TemporaryDirectory.with { path in
            let cache = CacheConfiguration(directory: path + "/cache", retry: RetryPolicy(), clock: TestClock())
            try await ContentCache.with(cache) { cache in
                try await withUpstream(interface: true, cache) { registry, upstream async throws in
                    registry.load(own, repository: repository)
                    try list([other], of: image.digest, at: registry)
                    func expect(
                        _ listed: SampleImage,
                        _ others: [SampleImage],
                        isWhole: Bool,
                        _ known: SampleImage
                    ) async throws {
                        let told = try await upstream.referrers(of: image.digest, knowing: [known.digest])
                        #expect(told.entries.map(\.descriptor.digest) == [listed.digest] && told.isWhole == isWhole)
                        #expect(told.others.map(\.digest) == others.map(\.digest))
                    }
                    try await expect(own, [], isWhole: true, own)
                    #expect(registry.count(pathContains: "/manifests/") == 0)
                    try await expect(own, [other], isWhole: true, other)
                    registry.script(RequestMatch("GET", "/manifests/", times: nil), .error(403, "DENIED"))
                    try await expect(own, [], isWhole: false, other)
                    registry.removeScript()
                    registry.script(RequestMatch("GET", "/referrers/", times: nil), .error(403, "DENIED"))
                    try await expect(other, [], isWhole: false, own)
                    registry.removeScript()
                    let tagged = registry.store.digest(of: try image.digest.referrersTag, in: repository)
                    registry.store.remove(try #require(tagged), from: repository)
                    try await expect(own, [], isWhole: true, other)
                }
            }
        }
    }

    @Test("A registry that has listed referrers has not none because it knows no such question for a time")
    func away() async throws {
        try await TemporaryDirectory.with { path in
            let cache = CacheConfiguration(directory: path + "/cache", retry: RetryPolicy(), clock: TestClock())
            try await ContentCache.with(cache) { cache in
                try await withUpstream(interface: true, cache) { registry, upstream async throws in
                    let other = SampleImage.image()
                    registry.load(other, repository: repository)
                    registry.load(.artifact(of: image.top), repository: repository)
                    #expect(try await upstream.referrers(of: image.digest, knowing: []).entries.count == 1)
                    // Some know no such question where there is nothing.
                    registry.script(RequestMatch("GET", .containing("/referrers/\(other.digest)")), .status(404))
                    let none = try await upstream.referrers(of: other.digest, knowing: [])
                    #expect(none.entries.isEmpty && !none.isWhole)
                    registry.options.referrersAPI = false
                    for digest in [image.digest, other.digest] {
                        await #expect(throws: UpstreamError.self) {
                            _ = try await upstream.referrers(of: digest, knowing: [])
                        }
                    }
                    // Then tags stand in for the interface for good.
                    try list([.artifact(of: image.top)], of: image.digest, at: registry)
                    #expect(try await upstream.referrers(of: image.digest, knowing: []).entries.count == 1)
                    #expect(try await upstream.referrers(of: other.digest, knowing: []).entries.isEmpty)
                }
            }
        }
    }

    @Test("A registry whose interface has listed referrers of what is gone has none of others")
    func awayForGood() async throws {
        try await TemporaryDirectory.with { path in
            let cache = CacheConfiguration(directory: path + "/cache", retry: RetryPolicy(), clock: TestClock())
            try await ContentCache.with(cache) { cache in
                try await withUpstream(interface: true, cache) { registry, upstream async throws in
                    registry.load(.artifact(of: image.top), repository: repository)
                    #expect(try await upstream.referrers(of: image.digest, knowing: []).entries.count == 1)
                    let other = SampleImage.image()
                    registry.store.remove(repository)
                    registry.load(other, repository: repository)
                    registry.options.referrersAPI = false
                    #expect(try await upstream.referrers(of: other.digest, knowing: []).entries.isEmpty)
                }
            }
        }
    }

    @Test("A registry without the interface and without a list has none")
    func none() async throws {
        try await withUpstream(interface: false) { _, upstream async throws in
            #expect(try await upstream.referrers(of: image.digest, knowing: []).entries.isEmpty)
        }
    }

    @Test("An index under the tag of its own list is no list of its images")
    func itself() async throws {
        try await withUpstream(interface: false) { registry, upstream async throws in
            registry.store.tag(try image.digest.referrersTag, image.digest, in: repository)
            #expect(try await upstream.referrers(of: image.digest, knowing: []).entries.isEmpty)
        }
    }
}
