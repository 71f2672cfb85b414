import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// Lists of referrers that are not as the specification has them: what they name is mirrored all the same, once.
@Suite(.timeLimit(.minutes(10)))
struct OddReferrerListTests: ReferrerMirroring {
    private let image = SampleImage.image()
    private var artifact: SampleImage { SampleImage.artifact(of: image.top) }

    private func expectOnce(
        _ referrers: Int?,
        _ source: ScriptedRegistry,
        _ target: ScriptedRegistry,
        _ selection: String = "tag: v1"
    ) async throws {
        try await MirrorRun.with { mirror async throws in
            let entry = entry(source, target, selection)
            let first = try await mirror.run(entry).rows
            #expect(first.map(\.status) == [.synced], "\(first)")
            #expect(first.map(\.referrers) == [referrers])
            target.forgetRequests()
            // Which question is asked is chosen at random.
            for _ in 0..<6 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
            #expect(target.count("PUT") == 0)
        }
    }

    private func edited(_ change: @escaping @Sendable (String) -> String) -> Action {
        .edit { reply in
            reply.body = ByteSource(ByteBuffer(string: change(String(buffer: reply.body.buffer))))
            reply.headers["Content-Length"] = nil
        }
    }

    @Test("An entry's size and type and the list's version may be wrong, and its type general")
    func entries() async throws {
        let size = artifact.top.size
        let typed = "\"mediaType\":\"\(MediaType.ociIndex)\","
        let oddities: [Action] = [
            edited { $0.replacing("\"size\":\(size)", with: "\"size\":\(size + 26)") },
            edited { $0.replacing("image.manifest.v1+json", with: "image.index.v1+json") },
            edited { $0.replacing("\"schemaVersion\":2,", with: "") },
            .header("Content-Type", "application/json"), .header("Content-Type", nil),
            .all([.header("Content-Type", nil), edited { $0.replacing(typed, with: "") }]),
            .all([.header("Content-Type", "text/plain"), edited { $0.replacing(typed, with: "") }]),
        ]
        for oddity in oddities {
            try await between(interfaceAt: true, true) { source, target in
                source.load(image, repository: repository, tag: "v1")
                source.load(artifact, repository: repository)
                source.script(RequestMatch("GET", .containing("/referrers/\(image.digest)"), times: nil), oddity)
                try await expectOnce(1, source, target)
                #expect(target.store.holds(artifact, repository: mirrored))
            }
        }
    }

    @Test("An object that says nothing is an empty list", arguments: ["{}", #"{"manifests":null}"#])
    func nothing(body: String) async throws {
        try await between(interfaceAt: true, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            let type = MediaType.ociIndex.description
            source.script(
                RequestMatch("GET", "/referrers/", times: nil),
                .status(200, headers: ["Content-Type": type], body: body)
            )
            try await expectOnce(0, source, target)
        }
    }

    @Test("What is listed and names no subject is given once", arguments: [true, false], [true, false])
    func withoutSubject(hasTag: Bool, interfaceAtTarget: Bool) async throws {
        try await between(interfaceAt: true, interfaceAtTarget) { source, target in
            source.load(image, repository: repository, tag: "v1")
            let signature = SampleImage.image(labels: ["kind": "signature"])
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            source.load(signature, repository: repository, tag: hasTag ? tag : nil)
            let top = signature.top
            let entry = #"{"mediaType":"\#(top.mediaType)","digest":"\#(top.digest)","size":\#(top.size)}"#
            source.script(
                RequestMatch("GET", .containing("/referrers/\(image.digest)"), times: nil),
                edited { $0.replacing("\"manifests\":[", with: "\"manifests\":[\(entry)") }
            )
            try await expectOnce(hasTag ? 2 : 1, source, target)
        }
    }

    @Test("The image itself under the tag of its list is no list", arguments: [true, false])
    func ownTag(isIndex: Bool) async throws {
        let image = isIndex ? SampleImage.multiPlatform() : image
        try await between(interfaceAt: true, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(image, repository: repository, tag: try image.digest.referrersTag)
            try await expectOnce(0, source, target)
            #expect(target.store.digest(of: try image.digest.referrersTag, in: mirrored) == nil)
        }
    }

    @Test("A target that takes the tag of a list for the digest keeps the lists that it is given")
    func targetWithoutSuchTags() async throws {
        let image = SampleImage.multiPlatform()
        try await between(interfaceAt: true, false) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(SampleImage.artifact(of: image.top), repository: repository)
            let tag = try image.digest.referrersTag
            let itself = image.manifests.last?.source.buffer ?? ByteBuffer()
            let (type, digest) = (image.top.mediaType.description, image.digest.description)
            target.script(
                RequestMatch("GET", .manifest(tag.description), times: nil),
                .reply(
                    Reply(
                        200,
                        headers: ["Content-Type": type, "Docker-Content-Digest": digest],
                        body: ByteSource(itself)
                    )
                )
            )
            try await expectOnce(1, source, target)
            let list = String(buffer: try #require(target.store.manifest(tag, in: mirrored)).bytes.buffer)
            #expect(list.contains("vnd.example.signature") && !list.contains("amd64"))
        }
    }

    @Test(
        "A referrer that is no manifest is told of and left out",
        arguments: ["\"mediaType\":\"application/vnd.oci.artifact.manifest.v1+json\",\"blobs\":[]", "\"blobs\":[]"],
        [200, 406, 415]
    )
    func otherKind(fields: String, status: Int) async throws {
        try await between(interfaceAt: false, false) { source, target in
            source.load(image, repository: repository, tag: "v1")
            let type: MediaType = "application/vnd.oci.artifact.manifest.v1+json"
            let text = ByteBuffer(string: "{\(fields)}")
            source.store.put(text, as: type, in: repository)
            let digest = Digest.of(text)
            let listed = #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(text.readableBytes)}"#
            let list = #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(listed)]}"#
            source.store.put(.init(string: list), as: .ociIndex, in: repository, tag: try image.digest.referrersTag)
            if status != 200 {
                source.script(RequestMatch("GET", .manifest(digest.description), times: nil), .status(status))
            }
            try await MirrorRun.with { mirror async throws in
                let rows = try await mirror.run(entry(source, target, "tag: v1")).rows
                #expect(rows.map(\.status) == [.synced])
                #expect(rows.first?.warnings.contains { $0.contains("\(digest) of type \(type)") } == true)
                #expect(try await mirror.run(entry(source, target, "tag: v1")).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("A source that refuses its list of tags is asked for what may be there", arguments: [401, 403, 405, 500])
    func unlistedSource(status: Int) async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            let first = SampleImage.image(labels: ["kind": "signature"])
            source.load(first, repository: repository, tag: tag)
            source.script(RequestMatch("GET", .tags, times: nil), .status(status))
            try await expectOnce(1, source, target)
            #expect(target.store.digest(of: tag, in: mirrored) == first.digest)
        }
    }

    @Test("What comes later to a source that refuses its list of tags is found by and by")
    func laterAtUnlistedSource() async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.script(RequestMatch("GET", .tags, times: nil), .status(403))
            let tag = try TagName("sha256-\(image.digest.hex).att")
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                source.load(.image(labels: ["kind": "attestation"]), repository: repository, tag: tag)
                for _ in 0..<200 where target.store.digest(of: tag, in: mirrored) == nil {
                    _ = try await mirror.run(entry)
                }
                #expect(target.store.digest(of: tag, in: mirrored) == source.store.digest(of: tag, in: repository))
                for _ in 0..<6 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
            }
        }
    }

    @Test("An image that is listed among what refers to it is not copied again and again for it")
    func listsItself() async throws {
        try await between(interfaceAt: true, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            let top = image.top
            let entry = #"{"mediaType":"\#(top.mediaType)","digest":"\#(top.digest)","size":\#(top.size)}"#
            source.script(
                RequestMatch("GET", .containing("/referrers/\(image.digest)"), times: nil),
                edited { $0.replacing("\"manifests\":[", with: "\"manifests\":[\(entry)") }
            )
            try await expectOnce(0, source, target)
        }
    }

    @Test("What is listed and gone for good is left out, as what is not there", arguments: [404, 410])
    func gone(status: Int) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let artifact = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            source.script(RequestMatch(nil, .manifest("\(artifact.digest)"), times: nil), .status(status))
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
            }
        }
    }

    @Test(
        "A target that shows a page, or fails, where it keeps no list is given one",
        arguments: [Action.status(200, headers: ["Content-Type": "text/html"], body: "<html></html>"), .status(500)]
    )
    func noList(answer: Action) async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            let artifact = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            let tag = try image.digest.referrersTag
            let action = answer
            target.script(
                RequestMatch("GET", .manifest("\(tag)"), times: nil),
                .flip { [store = target.store] _ in
                    store.digest(of: tag, in: "mirrors/app") == nil ? action : nil
                }
            )
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target, "tag_regex: '^v'")).rows.map(\.status) == [.synced])
                #expect(target.store.digest(of: tag, in: mirrored) != nil)
            }
        }
    }

    @Test("A page in the place of a target's list takes nothing away that others have put there")
    func pageForList() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(SampleImage.artifact(of: image.top), repository: repository)
            let other = SampleImage.artifact(of: image.top, content: "somebody else's")
            target.load(other, repository: mirrored)
            try list([other], of: image.digest, at: target, in: mirrored)
            let tag = try image.digest.referrersTag
            let page = Action.status(200, headers: ["Content-Type": "text/html"], body: "<html></html>")
            target.script(RequestMatch("GET", .manifest("\(tag)"), times: nil), page)
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target, "tag_regex: '^v'")).rows.map(\.status) == [.failed])
            }
            let kept = try #require(target.store.manifest(tag, in: mirrored))
            #expect(String(buffer: kept.bytes.buffer).contains(other.digest.hex))
        }
    }
}
