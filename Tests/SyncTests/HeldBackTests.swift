import OCI
import TestSupport
import Testing

@testable import Sync

/// What goes on while a registry wants no requests for a time.
@Suite(.timeLimit(.minutes(10)))
struct HeldBackTests {
    private static func load(_ registry: ScriptedRegistry, _ repository: RepositoryName, seed: UInt64) throws {
        for number in UInt64(0)..<12 {
            let layer = SampleImage.Layer(seed: seed + number, size: 500)
            let image = SampleImage.image(layers: [layer], labels: ["number": "\(seed + number)"])
            registry.load(image, repository: repository, tag: try TagName("v\(number)"))
        }
    }

    @Test(
        "A source that wants no requests for a time holds back what comes from it alone",
        arguments: [RequestMatch.Path.tags, .manifests, .blobs]
    )
    func others(refused: RequestMatch.Path) async throws {
        try await ScriptedRegistry.with { limited in
            try await ScriptedRegistry.with { healthy in
                try await ScriptedRegistry.with { target in
                    let repositories = try (0..<10).map { try RepositoryName("limited/app\($0)") }
                    for (number, name) in repositories.enumerated() {
                        try Self.load(limited, name, seed: UInt64(number) * 100)
                    }
                    try Self.load(healthy, "healthy/app", seed: 5000)
                    let listing = Gate()
                    healthy.script(RequestMatch("GET", .tags), .holdHead(listing))
                    limited.script(RequestMatch("GET", refused), .status(429, headers: ["Retry-After": "30"]))
                    try await MirrorRun.with { run in
                        var run = run
                        let clock = ManualClock()
                        run.standingClock = clock
                        var routes: [(RegistryHost, RepositoryName)] = repositories.map { (limited.host, $0) }
                        routes.append((healthy.host, "healthy/app"))
                        let entries = routes.map { host, name in
                            "source: '\(host)/\(name)', target: '\(target.host)/\(name)', tag_regex: '^v'"
                        }
                        let report = try await withThrowingTaskGroup(of: SyncReport.self) { [run] group in
                            group.addTask { try await run.run(entries) }
                            // As many as may be asked of it from now on wait for it, and all others for them.
                            try await clock.waitForSleepers(4)
                            listing.open()
                            try await target.waitForRequests { requests in
                                requests.count { $0.method == "PUT" && $0.path.contains("healthy/app/manifests/") }
                                    == 12
                            }
                            clock.advance(by: .seconds(31))
                            return try await group.next()
                        }
                        #expect(report?.rows.map(\.status) == Array(repeating: .synced, count: 132))
                    }
                }
            }
        }
    }
}
