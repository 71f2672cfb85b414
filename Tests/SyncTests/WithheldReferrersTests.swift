import Cache
import OCI
import Sync
import TestSupport
import Testing

/// Referrers of a source that does not tell, or show, what it has.
@Suite(.timeLimit(.minutes(10)))
struct WithheldReferrersTests: ReferrerMirroring {
    private let image = SampleImage.image()
    private var artifact: SampleImage { SampleImage.artifact(of: image.top) }

    private static let refusals: [Action] = [
        .status(404), .status(405), .status(400), .status(403), .status(406), .html, .error(404, "MANIFEST_UNKNOWN"),
    ]

    @Test(
        "Where the interface of a source is away for a time, nothing that it listed is withdrawn, nor forgotten",
        arguments: refusals,
        [true, false]
    )
    func interfaceAway(refusal: Action, atTarget: Bool) async throws {
        try await between(interfaceAt: true, atTarget) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                target.forgetRequests()
                source.script(RequestMatch("GET", "/referrers/", times: nil), refusal)
                for _ in 0..<4 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                #expect(target.count("PUT") == 0)
                let listed = try await mirror.withCache { cache in
                    try await cache.referrers.listed(
                        of: image.digest,
                        in: RepositoryReference(host: source.host, repository: repository)
                    )
                }
                #expect(listed == [artifact.digest])
            }
        }
    }

    @Test(
        "What a source with the interface refuses to tell of one manifest is told, and comes when it tells",
        arguments: refusals,
        ["index", "image", "artifact"]
    )
    func refusedOnce(refusal: Action, subject: String) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let index = SampleImage.multiPlatform()
            let signature = SampleImage.artifact(of: index.top)
            let child = index.manifests[0].descriptor
            let bill = SampleImage.artifact(of: child, content: "bill")
            let signed = SampleImage.artifact(of: signature.top, content: "signed bill")
            source.load(index, repository: repository, tag: "v1")
            for artifact in [signature, bill, signed] { source.load(artifact, repository: repository) }
            let digests = ["index": index.digest, "image": child.digest, "artifact": signature.digest]
            let refused = try #require(digests[subject])
            source.script(RequestMatch("GET", .containing("/referrers/\(refused)")), refusal)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                let row = try #require(try await mirror.run(entry).rows.first)
                #expect(row.status == .synced && row.warnings.count { $0.contains("but now not what refers to") } == 1)
                for _ in 0..<2 { _ = try await mirror.run(entry) }
                for artifact in [signature, bill, signed] {
                    #expect(target.store.holds(artifact, repository: mirrored))
                }
                source.forgetRequests()
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                #expect(source.count(pathContains: "/referrers/") <= 1)
            }
        }
    }

    @Test(
        "What is signed under tags comes also where the source lists no tags, or lacks the image's own among them",
        arguments: [
            Action.status(404), .error(404, "NAME_UNKNOWN"), .reply(.json(200, #"{"name":"app","tags":null}"#)),
            .reply(.json(200, #"{"name":"app","tags":["other"]}"#)),
        ]
    )
    func oddListing(listing: Action) async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            try list([artifact], of: image.digest, at: source)
            let signature = SampleImage.image(labels: ["kind": "signature"])
            source.load(signature, repository: repository, tag: try TagName("sha256-\(image.digest.hex).sig"))
            source.script(RequestMatch("GET", .tags, times: nil), listing)
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target)).rows.map(\.referrers) == [2])
                #expect(target.store.holds(artifact, repository: mirrored))
                #expect(target.store.holds(signature, repository: mirrored))
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test(
        "An image comes from where all that is not there is forbidden, and what may be missing of it is told",
        arguments: [401, 403]
    )
    func forbiddenAbsence(status: Int) async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            for path: RequestMatch.Path in ["/referrers/", "/tags/", "/manifests/sha256-"] {
                source.script(RequestMatch("GET", path, times: nil), .status(status))
                source.script(RequestMatch("HEAD", path, times: nil), .status(status))
            }
            try await MirrorRun.with { mirror async throws in
                let row = try #require(try await mirror.run(entry(source, target)).rows.first)
                #expect(row.status == .synced && row.warnings.count { $0.contains("refuses to say whether") } == 4)
                for _ in 0..<6 {
                    let row = try #require(try await mirror.run(entry(source, target)).rows.first)
                    #expect(row.status == .upToDate && row.warnings.isEmpty)
                }
            }
        }
    }
}
