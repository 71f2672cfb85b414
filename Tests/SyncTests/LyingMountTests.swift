import OCI
import Sync
import TestSupport
import Testing

/// A target that says of every mount that it is done, and has taken nothing over.
@Suite(.timeLimit(.minutes(5)))
struct LyingMountTests {
    private let images = (0..<4).map { number in
        SampleImage.image(layers: (1...3).map { .init(seed: UInt64(10 * number + $0), size: 500) })
    }

    @Test("A target whose mounts bring nothing is found out once, and sent everything")
    func once() async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                for (number, image) in images.enumerated() {
                    source.load(image, repository: "app", tag: try TagName("v\(number)"))
                }
                target.script(
                    RequestMatch("POST", .uploads, times: nil, where: { $0.query["mount"] != nil }),
                    .status(201)
                )
                try await MirrorRun.with { mirror async throws in
                    var mirror = mirror
                    mirror.parallelism = 1
                    let entries = ["one", "two"].map {
                        "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag_regex: '^v'"
                    }
                    let report = try await mirror.run(entries)
                    #expect(report.rows.map(\.status) == Array(repeating: .synced, count: 8))
                }
                for image in images {
                    for repository in ["one", "two"] as [RepositoryName] {
                        #expect(target.store.holds(image, repository: repository))
                    }
                }
                #expect(target.requests.count { $0.query["mount"] != nil } == images[0].blobs.count)
                #expect(target.requests.count { $0.method == "PUT" && $0.status == 400 } == 4)
            }
        }
    }
}
