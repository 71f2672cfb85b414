import Cache
import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// Referrers of a source that does not tell, or show, what it has.
@Suite(.timeLimit(.minutes(10)))
struct WithheldReferrersTests: ReferrerMirroring {
    private let image = SampleImage.image()
    private var artifact: SampleImage { SampleImage.artifact(of: image.top) }

    /// Nothing is told of who answers as if he knew no such question, as some do where there is nothing, nor of a page that is
    /// shown once.
    private static let refusals: [(Action, isTold: Bool)] = [
        (.status(404), false), (.status(405), false), (.status(400), false), (.status(403), true), (.status(406), true),
        (.html, false), (.error(404, "MANIFEST_UNKNOWN"), true),
    ]

    @Test(
        "Where the interface of a source is away for a time, nothing that it listed is withdrawn, nor forgotten",
        arguments: refusals,
        [true, false]
    )
    func interfaceAway(refusal: (Action, isTold: Bool), atTarget: Bool) async throws {
        try await between(interfaceAt: true, atTarget) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                target.forgetRequests()
                source.script(RequestMatch("GET", "/referrers/", times: nil), refusal.0)
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
    func refusedOnce(refusal: (Action, isTold: Bool), subject: String) async throws {
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
            source.script(RequestMatch("GET", .containing("/referrers/\(refused)")), refusal.0)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                let row = try #require(try await mirror.run(entry).rows.first)
                let told = row.warnings.count { $0.contains("but now not what refers to") }
                #expect(row.status == .synced && told == (refusal.isTold ? 1 : 0))
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
        "A source that answers with something else when it is asked what refers to an image is told of, and asked again",
        arguments: [.html, .reply(.json(200, "{}")), .reply(.json(200, #"{"errors":[]}"#)), .status(200)] as [Action]
    )
    func noList(answer: Action) async throws {
        let index = SampleImage.multiPlatform()
        let signature = SampleImage.artifact(of: index.top)
        try await between(interfaceAt: true, true) { source, target in
            source.load(index, repository: repository, tag: "v1")
            source.load(signature, repository: repository)
            source.script(RequestMatch("GET", "/referrers/", times: nil), answer)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.foresee(entry).rows[0].warnings.count { $0.contains("until it is told") } == 1)
                for status in [SyncReport.Status.synced, .upToDate, .upToDate, .upToDate] {
                    let row = try #require(try await mirror.run(entry).rows.first)
                    #expect(row.status == status)
                    #expect(row.warnings.count { $0.contains("until it is told") } == 1, "\(row.warnings)")
                }
                #expect(try await mirror.run(entry).rows[0].warnings.isEmpty)
                source.removeScript()
                for _ in 0..<20 where !target.store.holds(signature, repository: mirrored) {
                    _ = try await mirror.run(entry)
                }
                #expect(target.store.holds(signature, repository: mirrored))
            }
        }
    }

    @Test("Of a source that shows a page for what it does not know its lists under tags are the whole")
    func pageBesideTags() async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            try list([artifact], of: image.digest, at: source)
            source.script(RequestMatch("GET", "/referrers/", times: nil), .html)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                let row = try #require(try await mirror.run(entry).rows.first)
                #expect(row.referrers == 1 && row.warnings.isEmpty, "\(row.warnings)")
                source.forgetRequests()
                for _ in 0..<6 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
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

    @Test(
        "A source that answers as if it knew no such question where there is nothing is asked again three times, quietly"
    )
    func passedOver() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let index = SampleImage.multiPlatform()
            source.load(index, repository: repository, tag: "v1")
            source.load(.artifact(of: index.top), repository: repository)
            let empty = Action.edit {
                if !String(buffer: $0.body.read(at: 0, count: 9999)).contains("digest") { $0 = Reply(404) }
            }
            source.script(RequestMatch("GET", "/referrers/", times: nil), empty)
            try await MirrorRun.with { mirror async throws in
                for _ in 0..<4 {
                    #expect(try await mirror.run(entry(source, target)).rows.allSatisfy { $0.warnings.isEmpty })
                }
                source.forgetRequests()
                for _ in 0..<3 {
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
                }
                #expect(source.count(pathContains: "/referrers/") <= 3)
            }
        }
    }

    @Test("Where tags take the place of an interface for good, they decide what there is")
    func movedToTags() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let later = SampleImage.artifact(of: image.top, content: "later")
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target)).rows.map(\.referrers) == [1])
                source.options.referrersAPI = false
                source.load(later, repository: repository)
                try list([later], of: image.digest, at: source)
                let row = try #require(try await mirror.run(entry(source, target)).rows.first)
                #expect(row.referrers == 1 && row.warnings.isEmpty)
                let listed = target.store.manifest(try image.digest.referrersTag, in: mirrored)
                let text = String(buffer: try #require(listed).bytes.buffer)
                #expect(text.contains(later.digest.hex) && !text.contains(artifact.digest.hex))
            }
        }
    }

    @Test("Whether a source lists an image's own tag is asked of each image")
    func listingOfEach() async throws {
        try await between(interfaceAt: false, true) { source, target in
            let other = SampleImage.image(labels: ["other": "1"])
            for (image, tag) in [(image, "v1"), (other, "v2")] {
                source.load(image, repository: repository, tag: try TagName(tag))
                let signature = SampleImage.image(labels: ["signs": tag])
                source.load(signature, repository: repository, tag: try TagName("sha256-\(image.digest.hex).sig"))
            }
            let listing = #"{"name":"app","tags":["v2","sha256-\#(other.digest.hex).sig"]}"#
            source.script(RequestMatch("GET", .tags, times: nil), .reply(.json(200, listing)))
            try await MirrorRun.with { mirror async throws in
                var mirror = mirror
                mirror.parallelism = 1
                let entries = ["v2", "v1"].map { entry(source, target, "tag: \($0)") }
                #expect(try await mirror.run(entries).rows.map(\.referrers) == [1, 1])
            }
        }
    }
}
