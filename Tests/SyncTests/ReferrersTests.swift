import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ReferrersTests: ReferrerMirroring {
    @Test(
        "Referrers of an index, its children and of other referrers come with it",
        arguments: [true, false],
        [true, false]
    )
    func everything(atSource: Bool, atTarget: Bool) async throws {
        try await between(interfaceAt: atSource, atTarget) { source, target in
            let image = SampleImage.multiPlatform()
            let child = try #require(image.manifests.first).descriptor
            let signature = SampleImage.artifact(of: image.top)
            let statement = SampleImage.artifact(of: child, content: "statement", annotations: ["a": "b"])
            let counter = SampleImage.artifact(of: signature.top, content: "counter")
            source.load(image, repository: repository, tag: "v1")
            for (referrer, subject) in [
                (signature, image.digest), (statement, child.digest), (counter, signature.digest),
            ] {
                source.load(referrer, repository: repository)
                if !atSource { try list([referrer], of: subject, at: source) }
            }
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target, "tag: v1"))
                #expect(report.rows.map(\.reason) == [nil])
                #expect(report.rows.map(\.referrers) == [3])
            }
            for referrer in [signature, statement, counter] {
                #expect(target.store.holds(referrer, repository: mirrored))
            }
            let listed = try target.store.digest(of: child.digest.referrersTag, in: mirrored)
            #expect((listed == nil) == atTarget)
            #expect(source.count(pathContains: "/tags/list") == 1)
        }
    }

    @Test("What the target lists of a subject already stays in the list")
    func sharedList() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(image, repository: repository, tag: "v2")
            source.load(.artifact(of: image.top), repository: repository)
            let own = SampleImage.artifact(of: image.top, content: "the target's own")
            let tag = try image.digest.referrersTag
            let text = """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","annotations":{"k":"v"},"manifests":[
                {"mediaType":"\(own.top.mediaType)","digest":"\(own.digest)","size":\(own.top.size),"x":1} ]}
                """
            target.load(own, repository: mirrored)
            target.store.put(.init(string: text), as: .ociIndex, in: mirrored, tag: tag)
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target, "tag_regex: '^v'"))
                #expect(report.errors == 0)
            }
            let stored = try #require(target.store.manifest(tag, in: mirrored)).bytes.buffer
            let merged = String(buffer: stored)
            #expect(merged.contains(#""x":1} ,{"#) && merged.contains(#""annotations":{"k":"v"}"#))
            #expect(merged.split(separator: "\"digest\"").count == 3)
            #expect(target.requests.count { $0.method == "PUT" && $0.path.hasSuffix("\(tag)") } == 1)
        }
    }

    @Test("Cosign's tags come with the image that they are named after, and no others")
    func cosignTags() async throws {
        try await between(interfaceAt: false, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            let signature = SampleImage.image(labels: ["kind": "signature"])
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            source.load(signature, repository: repository, tag: tag)
            source.load(
                .image(labels: ["kind": "other"]),
                repository: repository,
                tag: try TagName("sha256-\(signature.digest.hex.reversed().map(String.init).joined()).sig")
            )
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target, "tag_regex: '^v'"))
                #expect(report.rows.map(\.referrers) == [1])
                #expect(report.rows.map(\.targetTag) == ["v1"])
            }
            #expect(target.store.digest(of: tag, in: mirrored) == signature.digest)
            #expect(target.store.holds(signature, repository: mirrored))
            #expect(target.store.tags(of: mirrored).count == 2)
            #expect(source.count(pathContains: "/tags/list") == 1)
            #expect(source.count(pathContains: ".att") == 0)
        }
    }

    @Test("An index of chosen platforms brings the referrers of its children, not those of the source's index")
    func reducedIndex() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.multiPlatform(platforms: [
                Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm64"),
                Platform(os: "linux", architecture: "s390x"),
            ])
            let children = image.manifests.map(\.descriptor)
            let kept = SampleImage.artifact(of: children[0], content: "kept")
            let others = [
                SampleImage.artifact(of: image.top, content: "index"),
                SampleImage.artifact(of: children[2], content: "s390x"),
            ]
            source.load(image, repository: repository, tag: "v1")
            for referrer in [kept] + others { source.load(referrer, repository: repository) }
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(
                    entry(source, target, "tag: v1, platforms: [linux/amd64, linux/arm64]")
                )
                #expect(report.rows.map(\.referrers) == [1])
            }
            #expect(target.store.holds(kept, repository: mirrored))
            for other in others { #expect(target.store.manifest(other.digest, in: mirrored) == nil) }
        }
    }

    @Test("A referrer that fails fails the tag, which the next run brings whole")
    func failure() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let signature = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(signature, repository: repository)
            source.script(RequestMatch("GET", .manifest(signature.digest.description)), .status(403))
            try await MirrorRun.with { mirror in
                let entry = entry(source, target, "tag: v1")
                let failed = try await mirror.run(entry)
                #expect(failed.rows.map(\.status) == [.failed])
                #expect(failed.rows.first?.reason?.contains("not mirrored without its referrers") == true)
                #expect(target.store.digest(of: "v1", in: mirrored) == nil)
                let whole = try await mirror.run(entry)
                #expect(whole.rows.map(\.referrers) == [1])
                #expect(target.store.digest(of: "v1", in: mirrored) == image.digest)
                source.forgetRequests()
                let again = try await mirror.run(entry)
                #expect(again.rows.map(\.status) == [.upToDate])
                #expect(source.count(pathContains: "/referrers/") == 1)
            }
        }
    }
}
