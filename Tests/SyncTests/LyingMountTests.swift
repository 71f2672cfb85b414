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

    @Test("So is one that says of the manifest too that it is taken, and lists its tags without it")
    func silent() async throws {
        try await ScriptedRegistry.with { registry in
            let image = images[0]
            registry.load(image, repository: "app", tag: "v1")
            registry.load(images[1], repository: "to", tag: "other")
            registry.script(
                RequestMatch("POST", .uploads, times: nil, where: { $0.query["mount"] != nil }),
                .status(201)
            )
            registry.script(
                RequestMatch("PUT", .manifests, times: nil),
                .flip { [store = registry.store] _ in
                    let isWhole = store.blobs(of: "to").isSuperset(of: image.blobs.map(\.descriptor.digest))
                    return isWhole ? nil : .status(201)
                }
            )
            try await MirrorRun.with { mirror async throws in
                let report = try await mirror.run(
                    "source: '\(registry.host)/app', target: '\(registry.host)/to', tag: v1"
                )
                #expect(report.rows.map(\.status) == [.synced])
                #expect(registry.store.holds(image, repository: "to"))
                #expect(registry.store.digest(of: "v1", in: "to") == image.digest)
            }
        }
    }

    private func uploads(_ registry: ScriptedRegistry) -> Int { registry.count("PUT", pathContains: "/blobs/uploads/") }

    @Test(
        "So is one that refuses the manifests in whatever words, and tags that share blobs are all sent what they lack",
        arguments: [
            (500, "UNKNOWN"), (502, ""), (422, "INVALID"), (409, "CONFLICT"), (403, "DENIED"), (400, "UNKNOWN"),
            (400, "MANIFEST_UNVERIFIED"), (404, "NAME_UNKNOWN"),
        ]
    )
    func otherWords(status: Int, code: String) async throws {
        try await ScriptedRegistry.with { registry in
            let images = (1...3).map { SampleImage.image(labels: ["number": "\($0)"]) }
            for (number, image) in images.enumerated() {
                let tag = try TagName("v\(number)")
                registry.load(image, repository: "app", tag: tag)
                registry.script(
                    RequestMatch("PUT", .manifest("\(tag)"), times: nil),
                    .flip { [store = registry.store] _ in
                        let isWhole = store.blobs(of: "to").isSuperset(of: image.blobs.map(\.descriptor.digest))
                        return isWhole ? nil : .error(status, code)
                    }
                )
            }
            registry.script(
                RequestMatch("POST", .uploads, times: nil, where: { $0.query["mount"] != nil }),
                .status(201)
            )
            let blobs = Set(images.flatMap { $0.blobs.map(\.descriptor.digest) })
            try await MirrorRun.with { mirror async throws in
                let report = try await mirror.run(
                    "source: '\(registry.host)/app', target: '\(registry.host)/to', tag_regex: '.'"
                )
                #expect(report.rows.map(\.status) == [.synced, .synced, .synced])
                for image in images { #expect(registry.store.holds(image, repository: "to")) }
                #expect(registry.requests.count { $0.query["mount"] != nil } <= blobs.count)
                #expect(uploads(registry) == blobs.count)
            }
        }
    }

    @Test("What a target shows is not sent where it refuses a manifest by a rule")
    func shownContent() async throws {
        try await ScriptedRegistry.with { registry in
            let image = images[0]
            registry.load(image, repository: "app", tag: "v1")
            registry.load(image, repository: "to", tag: "v0")
            registry.script(
                RequestMatch("PUT", .manifests, times: nil),
                .reply(.error(400, "MANIFEST_INVALID", "the tag is immutable and cannot be overwritten"))
            )
            try await MirrorRun.with { mirror async throws in
                let report = try await mirror.run(
                    "source: '\(registry.host)/app', target: '\(registry.host)/to', tag: v1"
                )
                #expect(report.rows.map(\.status) == [.failed])
                #expect(registry.count("PUT") == 1 && registry.count("POST") == 0)
            }
        }
    }

    @Test(
        "What was mounted is not sent where a refusal tells its reason, and once where it tells none",
        arguments: [
            (.error(409, "CONFLICT"), true), (.error(403, "DENIED", "the quota is used up"), false),
            (.error(412, "PRECONDITION", "the tag is immutable"), false), (.error(401, "UNAUTHORIZED"), false),
            (.error(429, "TOOMANYREQUESTS"), false),
            (.error(409, "UNKNOWN", "The repository has enabled tag immutability"), false),
            (.error(400, "UNKNOWN", "Repository does not allow updating assets: to"), false),
            (.error(405, "UNSUPPORTED", "The operation is disallowed. The tag is locked"), false),
            (.error(403, "DENIED", "pushing to protected tag v1 is not allowed"), false),
            (.error(400, "MANIFEST_INVALID", "cannot update tag v1: tag immutability"), false),
            (.error(409, "CONFLICT", "the layers are blocked"), true),
        ] as [(Reply, Bool)]
    )
    func honestMounts(refusal: Reply, isDoubtful: Bool) async throws {
        try await ScriptedRegistry.with { registry in
            let image = images[0]
            registry.load(image, repository: "app", tag: "v1")
            registry.script(RequestMatch("PUT", .manifests, times: nil), .reply(refusal))
            try await MirrorRun.with { mirror async throws in
                for _ in 0..<3 {
                    let report = try await mirror.run(
                        "source: '\(registry.host)/app', target: '\(registry.host)/to', tag: v1"
                    )
                    #expect(report.rows.map(\.status) == [.failed])
                }
                #expect(registry.requests.count { $0.query["mount"] != nil } == image.blobs.count)
                #expect(uploads(registry) == (isDoubtful ? image.blobs.count : 0))
            }
        }
    }
}
