import OCI
import TestSupport
import Testing

@testable import Sync

/// What begins at once where a host's listing has shown that it is far.
@Suite(.timeLimit(.minutes(10)))
struct FarHostTests {
    private struct Scene: Sendable {
        let source: ScriptedRegistry
        let mirror: ScriptedRegistry
        let target: ScriptedRegistry
        var run: MirrorRun

        var entry: String { "source: '\(source.host)/app', target: '\(target.host)/app', tag_regex: '.*'" }

        /// Runs while the listing of a registry comes a while after it was asked for, and what is asked of `registry` then
        /// waits, until `count` of it have come.
        func arrivals(
            _ count: Int,
            of match: RequestMatch,
            at registry: ScriptedRegistry,
            isFar: Bool
        ) async throws -> Int {
            let (listing, rest) = (Gate(), Gate())
            registry.script(RequestMatch("GET", .tags), .holdHead(listing))
            registry.script(match, .holdHead(rest))
            return try await withThrowingTaskGroup(of: SyncReport.self) { group in
                group.addTask { try await run.run(entry) }
                try await listing.waitForArrivals()
                if isFar { run.clock.advance(by: .milliseconds(240)) }
                listing.open()
                try await rest.waitForArrivals(count)
                for _ in 0..<100 { await Task.yield() }
                let seen = rest.arrivals
                rest.open()
                let report = try #require(try await group.next())
                #expect(report.errors == 0)
                return seen
            }
        }
    }

    private func scene(tags: Int, layers: Int = 0, _ body: (Scene) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            for number in 0..<tags {
                let layers = (0..<layers).map { SampleImage.Layer(seed: UInt64(number * 100 + $0), size: 500) }
                let image = SampleImage.image(layers: layers, labels: ["number": "\(number)"])
                source.load(image, repository: "app", tag: try TagName("v\(number)"))
            }
            try await ScriptedRegistry.with { mirror in
                try await ScriptedRegistry.with { target in
                    try await MirrorRun.with { run in
                        var run = run
                        // Who waits here waits for as long as a busy machine needs.
                        run.timeoutClock = ManualClock()
                        try await body(Scene(source: source, mirror: mirror, target: target, run: run))
                    }
                }
            }
        }
    }

    @Test(
        "The manifests of as many tags are asked for at once as a far source takes",
        arguments: [(true, 20), (false, 8)]
    )
    func asksManifests(isFar: Bool, expected: Int) async throws {
        try await scene(tags: 20) { scene in
            let manifests = RequestMatch("GET", .manifests, times: nil)
            let seen = try await scene.arrivals(expected, of: manifests, at: scene.source, isFar: isFar)
            #expect(seen == expected)
            // A listing, and each manifest and config once.
            #expect(scene.source.requests.count == 1 + 2 * 20)
        }
    }

    @Test("As many images begin as a far target's connections take", arguments: [(true, 24), (false, 8)])
    func beginsImages(isFar: Bool, expected: Int) async throws {
        try await scene(tags: 30, layers: 1) { scene in
            let uploads = RequestMatch("POST", .uploads, times: nil)
            let seen = try await scene.arrivals(expected, of: uploads, at: scene.target, isFar: isFar)
            #expect(seen == expected)
        }
    }

    @Test("Of a source with a mirror no more is asked before the mirror has answered well from afar")
    func sparesMirrors() async throws {
        try await scene(tags: 20) { scene in
            var scene = scene
            scene.mirror.script(RequestMatch(times: nil), .status(500))
            scene.run.sections = "registries: {'\(scene.source.host)': {mirrors: ['\(scene.mirror.host)']}}\n"
            let heads = RequestMatch("HEAD", .manifests, times: nil)
            let seen = try await scene.arrivals(8, of: heads, at: scene.source, isFar: true)
            #expect(seen == 8)
        }
    }

    @Test("With one image at a time a far host is asked for one image at a time")
    func goesOneByOne() async throws {
        try await scene(tags: 6) { scene in
            var scene = scene
            scene.run.parallelism = 1
            let manifests = RequestMatch("GET", .manifests, times: nil)
            let seen = try await scene.arrivals(1, of: manifests, at: scene.source, isFar: true)
            #expect(seen == 1)
        }
    }

    @Test("A far pair with nothing to do is asked for a listing each")
    func asksNothing() async throws {
        try await scene(tags: 20) { scene in
            let first = try await scene.run.run(scene.entry)
            #expect(first.errors == 0)
            scene.source.forgetRequests()
            scene.target.forgetRequests()
            let (source, target) = (Gate(), Gate())
            scene.source.script(RequestMatch("GET", .tags), .holdHead(source))
            scene.target.script(RequestMatch("GET", .tags), .holdHead(target))
            try await withThrowingTaskGroup(of: SyncReport.self) { group in
                group.addTask { try await scene.run.run(scene.entry) }
                try await source.waitForArrivals()
                try await target.waitForArrivals()
                scene.run.clock.advance(by: .milliseconds(240))
                source.open()
                target.open()
                let report = try #require(try await group.next())
                #expect(report.rows.count { $0.status == .upToDate } == 20)
            }
            for registry in [scene.source, scene.target] {
                #expect(registry.requests.count == 1)
                #expect(Set(registry.requests.map(\.connection)).count == 1)
            }
        }
    }

    @Test("Manifests of 8 MiB that are under way leave no space for more tags than a near source's")
    func boundsMemory() {
        let turns = Turns(4)
        #expect(turns.hasSpace)
        for _ in 0..<3 { turns.hold(4 << 20) }
        #expect(!turns.hasSpace)
        turns.drop(8 << 20)
        #expect(turns.hasSpace)
    }
}
