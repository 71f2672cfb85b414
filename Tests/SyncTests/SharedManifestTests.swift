import OCI
import TestSupport
import Testing

@testable import Sync

/// Manifests that several tags, targets and runs need: Docker Hub counts each time that one is read.
@Suite(.timeLimit(.minutes(10)))
struct SharedManifestTests: ReferrerMirroring {
    private static let tags: [TagName] = ["1", "1.2", "1.2.3", "latest"]
    private let image = SampleImage.multiPlatform()
    private let moved = SampleImage.multiPlatform(seed: 2)

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with(hub: source) { try await body(source, target, $0) }
            }
        }
    }

    private func read(_ source: ScriptedRegistry) -> Int { source.count("GET", pathContains: "/manifests/") }

    @Test("Tags of one image that are copied at once read each manifest below it once", arguments: [1, 4])
    func tagsOfOneImage(parallelism: Int) async throws {
        try await between { source, target, mirror async throws in
            for tag in Self.tags { source.load(image, repository: "app", tag: tag) }
            let gate = Gate()
            for child in image.manifests.dropLast() {
                source.script(
                    RequestMatch("GET", .manifest("\(child.descriptor.digest)"), times: nil),
                    .holdHead(gate)
                )
            }
            var mirror = mirror
            mirror.parallelism = parallelism
            async let report = mirror.run("source: '\(source.host)/app', target: '\(target.host)/app', tag_regex: '.'")
            try await source.waitForRequests { requests in
                requests.count { $0.path.contains("/manifests/") && !$0.path.contains("sha256:") } >= parallelism
            }
            gate.open()
            #expect(try await report.synced == Self.tags.count)
            for child in image.manifests.dropLast() {
                #expect(source.count("GET", pathContains: "/manifests/\(child.descriptor.digest)") == 1)
            }
        }
    }

    @Test("A tag that goes to several targets is read once", arguments: [1, 4])
    func targetsOfOneTag(parallelism: Int) async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            let entries = (1...3).map { "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag: v1" }
            var mirror = mirror
            mirror.parallelism = parallelism
            #expect(try await mirror.run(entries).synced == 3)
            #expect(read(source) == image.manifests.count)
        }
    }

    @Test(
        "What a tag is and what refers to it is asked once for all targets, in a first run and later",
        arguments: ["check_digest: true", "referrers: true"]
    )
    func questionsForSeveralTargets(setting: String) async throws {
        try await between { source, target, mirror async throws in
            for number in 1...5 {
                let image = SampleImage.image(labels: ["number": "\(number)"])
                source.load(image, repository: "app", tag: try TagName("v\(number)"))
            }
            let entries = (1...2).map {
                "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag_regex: '.', \(setting)"
            }
            let heads = { source.count("HEAD", pathContains: "/manifests/") }
            let referrers = { source.count("GET", pathContains: "/referrers/") }
            #expect(try await mirror.run(entries).synced == 10)
            #expect(heads() == 0 && referrers() <= 5)
            source.forgetRequests()
            #expect(try await mirror.run(entries).upToDate == 10)
            #expect(heads() <= 5 && referrers() <= 5)
        }
    }

    @Test("A tag that has moved since it was planned is read again where what it was is gone")
    func movedSincePlanned() async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            let part = "\(image.manifests[0].descriptor.digest)"
            source.script(
                RequestMatch("GET", .manifest(part)),
                .edit { [moved] reply in
                    source.load(moved, repository: "app", tag: "v1")
                    reply = Reply(404)
                }
            )
            source.script(RequestMatch("GET", .manifest(part), times: nil), .status(404))
            let entry = "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1"
            #expect(try await mirror.run(entry).synced == 1)
            #expect(target.store.digest(of: "v1", in: "app") == moved.digest)
        }
    }

    @Test("It is read again once for all targets, each of which finds that gone")
    func movedForSeveralTargets() async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            let (children, again) = (Gate(), Gate())
            for child in image.manifests.dropLast() {
                source.script(
                    RequestMatch("GET", .manifest("\(child.descriptor.digest)"), times: nil),
                    .all([.status(404), .holdHead(children)])
                )
            }
            source.script(RequestMatch("GET", .manifest("v1"), after: 1), .holdHead(again))
            var mirror = mirror
            mirror.parallelism = 4
            let entries = (1...3).map { "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag: v1" }
            async let report = mirror.run(entries)
            try await children.waitForArrivals()
            for _ in 0..<1000 { await Task.yield() }
            source.load(moved, repository: "app", tag: "v1")
            children.open()
            try await again.waitForArrivals()
            for _ in 0..<1000 { await Task.yield() }
            again.open()
            #expect(try await report.synced == 3)
            #expect(source.count("GET", pathContains: "/manifests/v1") == 2)
        }
    }

    @Test("So is one that has moved while its blobs are fetched, and no other", arguments: [true, false])
    func movedMeanwhile(moves: Bool) async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            source.script(
                RequestMatch("GET", .blob(image.blobs[0].descriptor.digest), times: nil),
                .flip { [moved] _ in
                    if moves { source.load(moved, repository: "app", tag: "v1") }
                    return .error(404, "BLOB_UNKNOWN")
                }
            )
            let entry = "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1"
            #expect(try await mirror.run(entry).rows.map(\.status) == [moves ? .synced : .failed])
            #expect(target.store.digest(of: "v1", in: "app") == (moves ? moved.digest : nil))
            #expect(read(source) == (moves ? 2 : 1) * image.manifests.count)
        }
    }

    @Test("A tag that has moved to a single image is read once", arguments: ["tag: v1", "tag_regex: '.'"])
    func movedToImage(selection: String) async throws {
        try await between { source, target, mirror async throws in
            source.load(.image(), repository: "app", tag: "v1")
            let entry = "source: '\(source.host)/app', target: '\(target.host)/app', check_digest: true, \(selection)"
            #expect(try await mirror.run(entry).synced == 1)
            let other = SampleImage.image(labels: ["other": "1"])
            source.load(other, repository: "app", tag: "v1")
            source.forgetRequests()
            #expect(try await mirror.run(entry).synced == 1)
            #expect(target.store.digest(of: "v1", in: "app") == other.digest)
            #expect(read(source) == 1)
        }
    }

    @Test("What a tag is holds for a minute")
    func lifetime() async throws {
        try await MirrorFixture.with(image) { fixture in
            try await fixture.withSource(clock: TestClock()) { source async throws in
                let clock = ManualClock()
                let shared = ReadManifests(clock: clock).through(source)
                #expect(try await shared.manifest(.tag("v1"))?.descriptor.digest == image.digest)
                fixture.host.load(moved, repository: MirrorFixture.repository, tag: "v1")
                clock.advance(by: .seconds(59))
                #expect(try await shared.manifest(.tag("v1"))?.descriptor.digest == image.digest)
                clock.advance(by: .seconds(2))
                #expect(try await shared.manifest(.tag("v1"))?.descriptor.digest == moved.digest)
            }
        }
    }

    @Test(
        "What is read to plan is not read again to copy, for whatever targets, nor in a later run where the cache has it"
    )
    func readToPlan() async throws {
        try await between { source, target, mirror async throws in
            for (number, letter) in "abcdefghi".enumerated() {
                let image = SampleImage.image(created: "202\(number)-01-01T00:00:00Z")
                source.load(image, repository: "app", tag: try TagName("build-\(letter)"))
            }
            let entries = (1...2).map {
                "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag_regex: '^build', keep_last: 2"
            }
            #expect(try await mirror.run(entries).synced == 4)
            #expect(read(source) == 9)
            source.forgetRequests()
            #expect(try await mirror.run(entries).upToDate == 4)
            #expect(read(source) == 7)
            #expect(source.count("HEAD", pathContains: "/manifests/") == 2)
        }
    }

    @Test("Tags of one image ask together, and what refers to it is fetched and brought once", arguments: [1, 4])
    func referrersOfOneImage(parallelism: Int) async throws {
        try await between(interfaceAt: true, true) { source, target async throws in
            let image = SampleImage.image()
            for number in 1...8 { source.load(image, repository: repository, tag: try TagName("v\(number)")) }
            let signature = SampleImage.artifact(of: image.top)
            source.load(signature, repository: repository)
            let later = SampleImage.artifact(of: image.top, content: "later")
            try await MirrorRun.with { mirror async throws in
                var mirror = mirror
                mirror.parallelism = parallelism
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == (1...8).map { _ in 1 })
                for digest in [image.digest, signature.digest] {
                    #expect(source.count("GET", pathContains: "/referrers/\(digest)") == 1)
                }
                #expect(source.count("GET", pathContains: "/manifests/\(signature.digest)") == 1)
                source.forgetRequests()
                #expect(try await mirror.run(entry).upToDate == 8)
                #expect(source.count(pathContains: "/referrers/") == 1)
                source.load(later, repository: repository)
                let report = try await mirror.run(entry)
                #expect(report.synced == 1 && report.upToDate == 7)
                #expect(target.store.holds(later, repository: mirrored))
                #expect(source.count("GET", pathContains: "/manifests/\(later.digest)") == 1)
            }
        }
    }

    @Test("What the cache holds is not read again for another target", arguments: [false, true])
    func anotherTarget(isListed: Bool) async throws {
        try await between { source, target, mirror async throws in
            for tag in Self.tags { source.load(image, repository: "up/app", tag: tag) }
            let rows = Self.tags.map { HubStandIn.Row("\($0)", digest: image.digest) }
            let hub = HubStandIn(source, repository: "up/app", rows: rows)
            let host = isListed ? "docker.io" : "\(source.host)"
            func entry(_ name: String) -> String {
                "source: '\(host)/up/app', target: '\(target.host)/\(name)', tag_regex: '.'"
            }
            #expect(try await mirror.run(entry("one")).synced == hub.rows.count)
            source.forgetRequests()
            #expect(try await mirror.plan(entry("two")).costs.map(\.manifests) == rows.map { _ in 0 })
            source.forgetRequests()
            #expect(try await mirror.run(entry("two")).synced == rows.count)
            #expect(read(source) == 0)
            #expect(source.count("HEAD", pathContains: "/manifests/") == rows.count)
            #expect(target.store.holds(image, repository: "two"))
        }
    }

    @Test("A tag that has moved is read, whatever the cache holds of it", arguments: [false, true])
    func movedTag(isListed: Bool) async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "up/app", tag: "v1")
            let api = isListed ? HubStandIn(source, repository: "up/app", rows: []) : nil
            api?.rows = [HubStandIn.Row("v1", digest: image.digest)]
            let host = isListed ? "docker.io" : "\(source.host)"
            func entry(_ name: String) -> String {
                "source: '\(host)/up/app', target: '\(target.host)/\(name)', tag_regex: '.'"
            }
            #expect(try await mirror.run(entry("one")).synced == 1)
            // The listing is older than the registry.
            source.load(moved, repository: "up/app", tag: "v1")
            source.forgetRequests()
            #expect(try await mirror.run(entry("two")).synced == 1)
            #expect(target.store.digest(of: "v1", in: "two") == moved.digest)
            #expect(read(source) == moved.manifests.count)
        }
    }

    @Test("What a registry gives counts, not what it names, where the target has something else")
    func otherThanNamed() async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            let entry = "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1, check_digest: true"
            #expect(try await mirror.run(entry).synced == 1)
            source.load(moved, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry).synced == 1)
            source.script(
                RequestMatch("HEAD", .manifest("v1"), times: nil),
                .header("Docker-Content-Digest", "\(image.digest)")
            )
            #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            #expect(target.store.digest(of: "v1", in: "app") == moved.digest)
        }
    }
}

extension SyncPlan {
    /// What its tags cost.
    var costs: [CopyCost] {
        outcomes.flatMap { if case .planned(let plan) = $0 { plan.tags.compactMap(\.cost) } else { [CopyCost]() } }
    }
}
