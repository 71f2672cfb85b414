import Logging
import OCI
import Registry
import TestSupport
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct MirrorSourceTests {
    private let image = SampleImage.image()

    @Test("A mirror that has everything spares the host all but the question what the tag is")
    func everything() async throws {
        try await MirrorFixture.with(.multiPlatform()) { fixture in
            let report = try await fixture.sync()
            #expect(report.rows.map(\.status) == [.synced])
            #expect(fixture.targetHolds(.multiPlatform()))
            #expect(fixture.host.requests.map(\.method) == ["HEAD"])
            #expect(fixture.mirror.count(pathContains: "/manifests/v1") == 0)
            #expect(fixture.run.log.text.isEmpty)
        }
    }

    @Test("A host's mirrors are asked under both of its names", arguments: ["r.test", "r.test:443"] as [RegistryHost])
    func otherName(host: RegistryHost) async throws {
        try await MirrorFixture.with(image) { fixture in
            var run = fixture.run
            run.hosts = [host: HostSettings(endpoint: fixture.host.url)]
            run.sections = "registries: {'\(host)': {mirrors: ['\(fixture.mirror.host)']}}\n"
            let name = host == "r.test" ? "r.test:443" : "r.test"
            let report = try await run.run(
                "source: '\(name)/library/app', target: '\(fixture.target.host)/app', tag: v1"
            )
            #expect(report.errors == 0)
            #expect(fixture.targetHolds(image))
            #expect(fixture.host.count("GET", pathContains: "/blobs/") == 0)
        }
    }

    @Test("A mirror is not asked for a manifest that the host calls by another algorithm")
    func otherAlgorithm() async throws {
        let index = SampleImage.multiPlatform()
        try await MirrorFixture.with(index) { fixture in
            let digest = Digest.of(index.topBytes, algorithm: .sha512)
            for registry in [fixture.host, fixture.mirror] {
                let stored = try #require(registry.store.manifest(index.digest, in: MirrorFixture.repository))
                registry.store.put(stored, digest, in: MirrorFixture.repository)
            }
            fixture.host.store.tag("v1", digest, in: MirrorFixture.repository)
            try await fixture.withSource(clock: TestClock()) { source async throws in
                #expect(try await source.manifest(.tag("v1"))?.bytes == index.topBytes)
            }
            #expect(fixture.host.requests.map(\.method) == ["HEAD", "GET"])
            #expect(fixture.mirror.requests.isEmpty)
        }
    }

    @Test("What a mirror lacks comes from the host, without a warning")
    func missingParts() async throws {
        try await MirrorFixture.with(image) { fixture in
            let layer = try #require(image.blobs.last).descriptor.digest
            fixture.mirror.store.remove(layer, from: MirrorFixture.repository)
            fixture.mirror.store.remove(image.digest, from: MirrorFixture.repository)
            let report = try await fixture.sync()
            #expect(report.errors == 0)
            #expect(fixture.targetHolds(image))
            #expect(fixture.host.count("GET", pathContains: "/blobs/") == 1)
            #expect(fixture.host.count("GET", pathContains: "/blobs/\(layer)") == 1)
            #expect(fixture.run.log.text.isEmpty)
        }
    }

    @Test("A mirror that refuses connections is told of and asked once, and the next one serves")
    func refused() async throws {
        try await MirrorFixture.with(.multiPlatform()) { fixture in
            var fixture = fixture
            fixture.run.log = LogText(level: .debug)
            let report = try await fixture.sync(mirrors: [MirrorFixture.refusing, fixture.mirror.host])
            #expect(report.errors == 0)
            #expect(fixture.targetHolds(.multiPlatform()))
            #expect(fixture.host.requests.map(\.method) == ["HEAD"])
            #expect(fixture.warnings("not asked again") == 1)
            #expect(fixture.run.log.text.split(separator: "a mirror fails").count == 2)
        }
    }

    @Test(
        "A mirror that fails, refuses or lies about manifests is told of once, and the host serves",
        arguments: [Action.status(500), .status(403), .status(200, body: "<html>"), .corruptByte(at: 30)]
    )
    func failing(action: Action) async throws {
        try await MirrorFixture.with(.multiPlatform()) { fixture in
            fixture.mirror.script(RequestMatch("GET", times: nil), action)
            let report = try await fixture.sync()
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(.multiPlatform()))
            #expect(fixture.warnings("a mirror") == 1)
        }
    }

    @Test("The host alone says that a tag is not there")
    func missingTag() async throws {
        try await MirrorFixture.with(image) { fixture in
            fixture.mirror.load(image, repository: MirrorFixture.repository, tag: "v2")
            let report = try await fixture.sync("tag: v2")
            #expect(report.rows.map(\.status) == [.failed])
            #expect(fixture.mirror.requests.isEmpty)
        }
    }

    @Test(
        "While the host cannot be reached a mirror says what its tags are, with one warning",
        arguments: ["tag: v1", "tag_regex: '^v'"],
        [true, false]
    )
    func hostDown(tags: String, isRefusing: Bool) async throws {
        try await MirrorFixture.with(image) { fixture in
            fixture.mirror.load(image, repository: MirrorFixture.repository, tag: "v1")
            fixture.host.script(RequestMatch(times: nil), .status(503))
            let report = try await fixture.sync(tags, from: isRefusing ? MirrorFixture.refusing : nil)
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(image))
            #expect(fixture.warnings("may be older") == 1)
        }
    }

    @Test("A tag that neither a host out of reach nor its mirror has fails with the host's error")
    func nobodyThere() async throws {
        try await MirrorFixture.with(image) { fixture in
            let report = try await fixture.sync(from: MirrorFixture.refusing)
            #expect(report.rows.map(\.status) == [.failed])
            #expect(report.rows.first?.reason?.hasPrefix("\(MirrorFixture.refusing)/library/app: ") == true)
        }
    }

    @Test("Credentials go to whom they belong", arguments: [true, false])
    func credentials(mirrorHasOwn: Bool) async throws {
        try await MirrorFixture.with(image) { fixture in
            var fixture = fixture
            let hosts = [(fixture.host, "host-canary"), (fixture.mirror, "mirror-canary")]
            for (registry, password) in mirrorHasOwn ? hosts : Array(hosts.prefix(1)) {
                let name = registry.host.description.replacing(".", with: "_").replacing(":", with: "_")
                fixture.run.credentials["IMGLIFE_\(name)_USERNAME"] = "user"
                fixture.run.credentials["IMGLIFE_\(name)_PASSWORD"] = password
            }
            fixture.host.authentication = .basic(username: "user", password: "host-canary")
            fixture.mirror.authentication = .basic(username: "user", password: "mirror-canary")
            let report = try await fixture.sync()
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(image))
            #expect((fixture.host.count("GET", pathContains: "/blobs/") == 0) == mirrorHasOwn)
            #expect(fixture.host.transcriptContains("host-canary"))
            #expect(!fixture.host.transcriptContains("mirror-canary"))
            #expect(!fixture.mirror.transcriptContains("host-canary"))
            #expect(!fixture.target.transcriptContains("canary"))
            #expect(!fixture.run.log.text.contains("canary"))
        }
    }
}
