import OCI
import Registry
import TestSupport
import Testing

@testable import Sync

/// Sources whose HEAD names one image of an index under the index's tag, as a front end does that loses the list types of
/// `Accept`.
@Suite(.timeLimit(.minutes(10)))
struct NamedPartTests {
    private let image = SampleImage.multiPlatform()
    private var part: SampleImage.Part { image.manifests[0] }

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { try await body(source, target, $0) }
            }
        }
    }

    private func namePart(of tag: TagName, at source: ScriptedRegistry) {
        let headers: HeaderList = [
            "Docker-Content-Digest": "\(part.descriptor.digest)",
            "Content-Type": "\(part.descriptor.mediaType)",
            "Content-Length": "\(part.descriptor.size)",
        ]
        source.script(RequestMatch("HEAD", .manifest("\(tag)"), times: nil), .status(200, headers: headers))
    }

    private func entry(
        _ source: ScriptedRegistry,
        _ target: ScriptedRegistry,
        _ name: String,
        _ more: String = ""
    )
        -> String
    {
        "source: '\(source.host)/app', target: '\(target.host)/\(name)', tag: v1\(more)"
    }

    @Test(
        "The index comes whole to a target that has lost it, and to another",
        arguments: ["", ", check_digest: true"]
    )
    func again(more: String) async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            namePart(of: "v1", at: source)
            let entries = ["one", "two"].map { entry(source, target, $0, more) }
            #expect(try await mirror.run(entries[0]).synced == 1)
            target.store.remove("one")
            #expect(try await mirror.plan(entries[0]).costs.map(\.manifests) == [0])
            #expect(try await mirror.run(entries).synced == 2)
            #expect(try await mirror.run(entries).upToDate == 2)
            for name: RepositoryName in ["one", "two"] { #expect(target.store.holds(image, repository: name)) }
        }
    }

    @Test("It does where its host has mirrors, at the first time already")
    func mirrored() async throws {
        try await MirrorFixture.with(image) { fixture async throws in
            namePart(of: "v1", at: fixture.host)
            #expect(try await fixture.sync().rows.map(\.status) == [.synced])
            #expect(fixture.targetHolds(image))
        }
    }

    @Test(
        "Where a host tells by HEAD what a tag is and gives no manifest, its mirror is asked for that",
        arguments: [429, 503]
    )
    func withheld(status: Int) async throws {
        let (old, new) = (SampleImage.image(labels: ["n": "1"]), SampleImage.image(labels: ["n": "2"]))
        try await MirrorFixture.with(new) { fixture async throws in
            fixture.mirror.load(old, repository: MirrorFixture.repository, tag: "v1")
            fixture.host.script(RequestMatch("GET", .manifests, times: nil), .status(status))
            #expect(try await fixture.sync().rows.map(\.status) == [.synced])
            #expect(fixture.targetHolds(new))
        }
    }

    @Test("A host that gives no manifests is asked for one, and what is up to date stays so")
    func withheldFromAll() async throws {
        try await between { source, target, mirror async throws in
            for number in 1...4 {
                let image = SampleImage.image(labels: ["n": "\(number)"])
                for (registry, name) in [(source, "app"), (target, "down")] {
                    registry.load(image, repository: try RepositoryName(name), tag: try TagName("v\(number)"))
                }
            }
            source.script(RequestMatch("GET", .manifests, times: nil), .status(429))
            let route = "source: '\(source.host)/app', target: '\(target.host)/down'"
            #expect(try await mirror.run("\(route), tag_regex: '.', check_digest: true").upToDate == 4)
            #expect(source.count("HEAD", pathContains: "/manifests/") == 4)
            // With its tries.
            #expect(source.count("GET", pathContains: "/manifests/") <= 3)
        }
    }

    @Test("One of its images that was taken for it before is replaced where digests are compared")
    func mended() async throws {
        try await between { source, target, mirror async throws in
            let entry = entry(source, target, "app", ", check_digest: true")
            source.load(image, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry).synced == 1)
            source.store.tag("v1", part.descriptor.digest, in: "app")
            #expect(try await mirror.run(entry).synced == 1)
            #expect(target.store.digest(of: "v1", in: "app") == part.descriptor.digest)
            source.store.tag("v1", image.digest, in: "app")
            namePart(of: "v1", at: source)
            #expect(try await mirror.run(entry).synced == 1)
            #expect(target.store.digest(of: "v1", in: "app") == image.digest)
        }
    }

    @Test(
        "A host whose HEAD is right gives one manifest more than its mirror has to, or none where HEAD names an index"
    )
    func right() async throws {
        for isIndexed in [false, true] {
            try await MirrorFixture.with(image) { fixture async throws in
                for number in 1...20 {
                    let image = SampleImage.image(labels: ["n": "\(number)"])
                    fixture.host.load(image, repository: MirrorFixture.repository, tag: try TagName("v1.\(number)"))
                    fixture.mirror.load(image, repository: MirrorFixture.repository)
                }
                var fixture = fixture
                fixture.run.parallelism = isIndexed ? 1 : 4
                // Versions come first, the highest first.
                #expect(try await fixture.sync(isIndexed ? "tag_regex: '^v1$'" : "tag_regex: '^v1[.]'").errors == 0)
                #expect(fixture.host.count("GET", pathContains: "/manifests/") == (isIndexed ? 0 : 1))
                #expect(fixture.host.count("HEAD", pathContains: "/manifests/") == (isIndexed ? 1 : 20))
            }
        }
    }

    @Test("Tags that are images stay up to date at the price of one HEAD each, also beside an index of them")
    func unchanged() async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            for (number, part) in image.manifests.dropLast().enumerated() {
                source.store.tag(try TagName("v1-\(number)"), part.descriptor.digest, in: "app")
            }
            source.load(.image(labels: ["n": "2"]), repository: "app", tag: "v2")
            let route = "source: '\(source.host)/app', target: '\(target.host)/app', check_digest: true"
            let entry = "\(route), tag_regex: '.'"
            let count = image.manifests.count + 1
            #expect(try await mirror.run(entry).synced == count)
            source.forgetRequests()
            var mirror = mirror
            mirror.parallelism = 1
            #expect(try await mirror.run(entry).upToDate == count)
            #expect(source.count("HEAD", pathContains: "/manifests/") == count)
            #expect(source.count("GET", pathContains: "/manifests/") <= 1)
        }
    }

    @Test("A server hears of the index, and of an image where that is what the tag was")
    func upstream() async throws {
        try await MirrorFixture.with(image) { fixture async throws in
            namePart(of: "v1", at: fixture.host)
            try await fixture.withSource(clock: TestClock()) { source async throws in
                let believed = try await source.resolve(.tag("v1")) { _ in .unlikely }
                #expect(believed?.descriptor == part.descriptor && believed?.manifest == nil)
                for doubt in [TagDoubt.possible, .unlikely, .likely] {
                    let told = try await source.resolve(.tag("v1")) { _ in doubt }
                    #expect(told?.descriptor == image.top && told?.manifest?.descriptor == image.top)
                }
            }
        }
    }
}
