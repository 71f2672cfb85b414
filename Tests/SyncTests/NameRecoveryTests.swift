import Cache
import Glibc
import OCI
import TestSupport
import Testing

@testable import Sync

/// Which names tags that need no copy have again after the cache has lost its names.
@Suite(.timeLimit(.minutes(10)))
struct NameRecoveryTests {
    private static let platform = "platforms: [linux/amd64]"

    @Test(
        "A tag whose target tells nothing has the name of what a copy would push, or is told as without one",
        arguments: [
            (nil, 403, false, 0), (platform, 403, false, 0), (platform, 500, false, 0), (nil, 403, true, 1),
            (nil, 500, true, 1), (platform, 500, true, 1),
        ] as [(String?, Int, Bool, Int)]
    )
    func untold(platforms: String?, status: Int, isMoved: Bool, unnamed: Int) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { run in
                    source.load(.multiPlatform(seed: 1), repository: "app", tag: "v1")
                    let more = platforms.map { ", \($0)" } ?? ""
                    let entry = "source: '\(source.host)/app', target: '\(target.host)/app', tag_regex: '.*'\(more)"
                    let pushed = try #require(try await run.run(entry).rows.first?.digest)
                    try await Tool.check(
                        "sh",
                        ["-c", "rm -r '\(run.cacheDirectory)'/index.* '\(run.cacheDirectory)'/backup"]
                    )
                    target.script(RequestMatch(nil, .manifests, times: nil), .status(status))
                    if isMoved { source.load(.multiPlatform(seed: 2), repository: "app", tag: "v1") }
                    let report = try await run.run(entry)
                    #expect(report.rows.map(\.status) == [.upToDate])
                    #expect(report.unnamed == unnamed)
                    let place = RepositoryReference(host: source.host, repository: "app")
                    let named = {
                        try await run.withCache { try await $0.names.resolve(.tag("v1"), in: place)?.digest }
                    }
                    #expect(try await named() == (unnamed == 0 ? pushed : nil))
                    target.removeScript()
                    #expect(try await run.run(entry).unnamed == 0)
                    #expect(try await named() == pushed)
                }
            }
        }
    }
}
