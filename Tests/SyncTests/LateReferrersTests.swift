import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

/// What refers to images that have been mirrored already: it comes later, or goes away.
@Suite(.timeLimit(.minutes(10)))
struct LateReferrersTests: ReferrerMirroring {
    @Test(
        "What is signed after the copy comes with the next run, at one request a tag",
        arguments: ["tag: v1", "tag_regex: '^v'", "tag_regex: '^v', check_digest: true"]
    )
    func later(selection: String) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror in
                let entry = entry(source, target, selection)
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                let signature = SampleImage.artifact(of: image.top)
                source.load(signature, repository: repository)
                let second = try await mirror.run(entry)
                #expect(second.rows.map(\.status) == [.synced])
                #expect(second.rows.map(\.referrers) == [1])
                #expect(target.store.holds(signature, repository: mirrored))
                source.forgetRequests()
                target.forgetRequests()
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                #expect(source.count(pathContains: "/referrers/") == 1)
                #expect(source.count(pathContains: "/tags/list") == 1)
                #expect(source.count("GET", pathContains: "/manifests/") == 0)
                #expect(target.count(pathContains: "/referrers/") == 0)
                #expect(target.count("PUT") == 0)
            }
        }
    }

    @Test("What the target mounts, and so never comes to the cache, is remembered as given", arguments: [true, false])
    func mounted(hasInterface: Bool) async throws {
        try await between(interfaceAt: hasInterface, true) { registry, _ in
            let image = SampleImage.image()
            registry.load(image, repository: repository, tag: "v1")
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            registry.load(.image(labels: ["kind": "signature"]), repository: repository, tag: tag)
            let artifact = SampleImage.artifact(of: image.top)
            if hasInterface { registry.load(artifact, repository: repository) }
            try await MirrorRun.with { mirror in
                let entry = entry(registry, registry, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [hasInterface ? 2 : 1])
                // Which question is asked is chosen at random.
                for _ in 0..<6 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                let two = SampleImage.image(labels: ["kind": "two signatures"])
                registry.load(two, repository: repository, tag: tag)
                for _ in 0..<100 where registry.store.digest(of: tag, in: mirrored) != two.digest {
                    _ = try await mirror.run(entry)
                }
                #expect(registry.store.digest(of: tag, in: mirrored) == two.digest)
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test(
        "A cache that has lost everything learns once what the target has, and then asks one question a tag",
        arguments: ["tag_regex: '^v'", "tag_regex: '^v', check_digest: true"]
    )
    func lostCache(selection: String) async throws {
        try await between(interfaceAt: true, true) { source, target async throws in
            let image = SampleImage.multiPlatform(seed: 81)
            source.load(image, repository: repository, tag: "v1")
            let entry = entry(source, target, selection)
            let first = try await MirrorRun.with { try await $0.run(entry) }
            #expect(first.rows.map(\.status) == [.synced])
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.foresee(entry).rows.map(\.status) == [.upToDate])
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                #expect(target.count("GET", pathContains: "/manifests/v1") == 2)
                source.forgetRequests()
                target.forgetRequests()
                for _ in 0..<2 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                #expect(source.count("GET", pathContains: "/manifests/") == 0)
                #expect(target.count("GET", pathContains: "/manifests/") == 0)
                #expect(source.count(pathContains: "/referrers/") == 2)
                let signature = SampleImage.artifact(of: image.top)
                source.load(signature, repository: repository)
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                #expect(target.store.holds(signature, repository: mirrored))
            }
        }
    }

    @Test("Where the listing of tags proves that nothing changed, no tag costs a request")
    func provenByListing() async throws {
        try await between(interfaceAt: false, true) { source, target in
            for tag: TagName in ["v1", "v2", "v3"] {
                source.load(.image(labels: ["tag": tag.description]), repository: repository, tag: tag)
            }
            try await MirrorRun.with { mirror in
                let entry = entry(source, target, "tag_regex: '^v'")
                let first = try await mirror.run(entry)
                #expect(first.synced == 3)
                source.forgetRequests()
                let second = try await mirror.run(entry)
                #expect(second.upToDate == 3)
                // One request tells that the registry has no referrers interface.
                #expect(source.requests.count <= 1 + 3)
                #expect(source.count(pathContains: "/manifests/") == 0)
            }
        }
    }

    @Test("Cosign's tag that appears later, and one that says something else, come with a later run")
    func laterTag() async throws {
        try await between(interfaceAt: false, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            try await MirrorRun.with { mirror in
                let entry = entry(source, target, "tag_regex: '^v'")
                _ = try await mirror.run(entry)
                let first = SampleImage.image(labels: ["kind": "signature"])
                source.load(first, repository: repository, tag: tag)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                #expect(target.store.digest(of: tag, in: mirrored) == first.digest)
                let second = SampleImage.image(labels: ["kind": "two signatures"])
                source.load(second, repository: repository, tag: tag)
                // The interface may be asked first, which finds out that there is none.
                _ = try await mirror.run(entry)
                _ = try await mirror.run(entry)
                #expect(target.store.digest(of: tag, in: mirrored) == second.digest)
            }
        }
    }

    @Test("A tag named like a signature's that is the image itself is no news", arguments: [true, false])
    func ownSignature(hasInterface: Bool) async throws {
        try await between(interfaceAt: hasInterface, hasInterface) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(image, repository: repository, tag: try TagName("sha256-\(image.digest.hex).sig"))
            try await MirrorRun.with { mirror in
                let entry = entry(source, target, "tag_regex: '^v'")
                _ = try await mirror.run(entry)
                for _ in 0..<4 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
            }
        }
    }

    @Test("A list under a tag that grows is read, and what it names comes along")
    func laterInTagList() async throws {
        try await between(interfaceAt: false, false) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<2).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            for artifact in artifacts { source.load(artifact, repository: repository) }
            try list([artifacts[0]], of: image.digest, at: source)
            try await MirrorRun.with { mirror in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                try list(artifacts, of: image.digest, at: source)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [2])
                #expect(target.store.holds(artifacts[1], repository: mirrored))
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("What a source lists and does not have is told, and comes with the run that finds it")
    func listedBeforeItIsThere() async throws {
        try await between(interfaceAt: false, false) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<2).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            source.load(artifacts[0], repository: repository)
            try list(artifacts, of: image.digest, at: source)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                let foreseen = try await mirror.foresee(entry).rows
                let first = try await mirror.run(entry).rows
                #expect(foreseen.map(\.warnings) == first.map(\.warnings))
                #expect(first.map(\.status) == [.synced])
                #expect(first.map(\.referrers) == [1])
                #expect(first.first?.warnings.contains { $0.contains("\(artifacts[1].digest)") } == true)
                source.forgetRequests()
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                #expect(source.count(pathContains: "\(artifacts[1].digest)") <= 2)
                source.load(artifacts[1], repository: repository)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [2])
                #expect(target.store.holds(artifacts[1], repository: mirrored))
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("What upstream lists no more leaves the target's list; what others put there stays")
    func deleted() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<2).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            for artifact in artifacts { source.load(artifact, repository: repository) }
            try await MirrorRun.with { mirror in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [2])
                let own = SampleImage.artifact(of: image.top, content: "the target's own")
                target.load(own, repository: mirrored)
                let tag = try image.digest.referrersTag
                let present = try #require(target.store.manifest(tag, in: mirrored)).bytes.buffer
                let more = #",{"mediaType":"\#(own.top.mediaType)","digest":"\#(own.digest)","size":\#(own.top.size)}]"#
                let text = String(buffer: present)
                let end = try #require(text.lastIndex(of: "]"))
                target.store.put(
                    .init(string: text[..<end] + more + text[text.index(after: end)...]),
                    as: .ociIndex,
                    in: mirrored,
                    tag: tag
                )
                source.store.remove(artifacts[0].digest, from: repository)
                let report = try await mirror.run(entry)
                #expect(report.rows.map(\.reason) == ["referrers new"])
                let left = String(buffer: try #require(target.store.manifest(tag, in: mirrored)).bytes.buffer)
                #expect(!left.contains(artifacts[0].digest.hex))
                #expect(left.contains(artifacts[1].digest.hex) && left.contains(own.digest.hex))
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("Each target of an image gets what came later, and one that refused it gets it with the next run")
    func eachTarget() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror in
                let entries = [entry(source, target), entry(source, target, to: "others/app")]
                let first = try await mirror.run(entries[0], entries[1])
                #expect(first.synced == 2, "\(first.rows)")
                let signature = SampleImage.artifact(of: image.top)
                source.load(signature, repository: repository)
                let refused = "/v2/others/app/manifests/\(signature.digest)"
                let isAllowed = Watched(false)
                target.script(
                    RequestMatch("PUT", .exactly(refused), times: nil),
                    .flip { _ in isAllowed.value ? nil : .status(403) }
                )
                let report = try await mirror.run(entries[0], entries[1])
                #expect(report.rows.map(\.status) == [.synced, .failed])
                #expect(target.store.holds(signature, repository: mirrored))
                isAllowed.update { $0 = true }
                let healed = try await mirror.run(entries[0], entries[1])
                #expect(healed.rows.map(\.status) == [.upToDate, .synced])
                #expect(target.store.holds(signature, repository: "others/app"))
            }
        }
    }

    @Test("What fails after the image's own referrers have come is tried again", arguments: [true, false])
    func afterOwn(isChained: Bool) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.multiPlatform()
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target)).synced == 1)
                let own = SampleImage.artifact(of: image.top)
                let later = SampleImage.artifact(of: isChained ? own.top : image.manifests[0].descriptor)
                for artifact in [own, later] { source.load(artifact, repository: repository) }
                target.script(RequestMatch("PUT", .manifest("\(later.digest)"), times: nil), .status(403))
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.failed])
                #expect(target.store.holds(own, repository: mirrored))
                target.removeScript()
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
                #expect(target.store.holds(later, repository: mirrored))
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("What refers to an image in one repository is not pushed for another that has the same image")
    func otherRepository() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let attestation = SampleImage.artifact(of: image.top)
            for repository: RepositoryName in ["other", "pub"] {
                source.load(image, repository: repository, tag: "v1")
            }
            source.load(attestation, repository: "other")
            try await MirrorRun.with { mirror in
                let entries = ["other", "pub"].map { entry(source, target, from: $0, to: "m/\($0)") }
                let report = try await mirror.run(entries[0], entries[1])
                #expect(report.rows.map(\.referrers) == [1, 0])
                let again = try await mirror.run(entries[0], entries[1])
                #expect(again.upToDate == 2)
                #expect(target.store.manifest(attestation.digest, in: "m/pub") == nil)
            }
        }
    }

    @Test("Chains of referrers come whole")
    func chain() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            var chain: [SampleImage] = []
            for link in 0..<12 {
                chain.append(.artifact(of: (chain.last ?? image).top, content: "\(link)"))
                source.load(chain[link], repository: repository)
            }
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target))
                #expect(report.rows.map(\.referrers) == [12])
                for link in chain { #expect(target.store.holds(link, repository: mirrored)) }
            }
        }
    }

    @Test("A chain of more than 64 levels is cut off there, which is told")
    func longChain() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            var links = [image]
            for link in 1...66 {
                links.append(.artifact(of: links[link - 1].top, content: "\(link)"))
                source.load(links[link], repository: repository)
            }
            try await MirrorRun.with { mirror in
                let plan = try await mirror.plan(entry(source, target), reading: true)
                guard case .planned(let planned) = plan.outcomes[0] else { throw MirrorRun.Unplanned() }
                let expected = "what refers to \(links[64].digest) is left out: more than 64 levels"
                #expect(planned.tags.map(\.warnings) == [[expected]])
            }
        }
    }

    @Test("More referrers than anybody needs are not mirrored, and not read")
    func manyReferrers() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            let entries = (0...1000).map { number in
                let digest = "sha256:" + String(repeating: "0", count: 60) + String(1000 + number)
                return #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(digest)","size":100}"#
            }
            let list = #"{"schemaVersion":2,"manifests":\#(JSONText.array(entries))}"#
            source.script(
                RequestMatch("GET", "/referrers/", times: nil),
                .reply(.json(200, list, headers: ["Content-Type": MediaType.ociIndex.description]))
            )
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target))
                #expect(report.rows.map(\.status) == [.failed])
                #expect(report.rows[0].reason?.contains("more than 1000 signatures") == true, "\(report.rows)")
                #expect(source.count(pathContains: "/manifests/sha256:0000") == 0)
            }
        }
    }

    @Test("The image's own manifest is stored once, under its tag and after what refers to it")
    func storedOnce() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let signature = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(signature, repository: repository)
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target))
                #expect(report.rows.map(\.status) == [.synced])
                let puts = target.requests.filter { $0.method == "PUT" && $0.path.contains("/manifests/") }.map(\.path)
                #expect(puts == [signature.digest.description, "v1"].map { "/v2/mirrors/app/manifests/\($0)" })
            }
        }
    }

    @Test("A registry that wants the subject before what refers to it gets it")
    func subjectFirst() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let signature = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(signature, repository: repository)
            for _ in 0..<4 {
                target.script(
                    RequestMatch("PUT", .manifest(signature.digest.description)),
                    .error(404, "MANIFEST_UNKNOWN")
                )
            }
            try await MirrorRun.with { mirror in
                let report = try await mirror.run(entry(source, target))
                #expect(report.rows.map(\.referrers) == [1])
                #expect(target.store.holds(signature, repository: mirrored))
                #expect(target.store.digest(of: "v1", in: mirrored) == image.digest)
            }
        }
    }

    @Test("A signature's tag that is listed and not there is told of, and no news until it is")
    func listedAlone() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(SampleImage.artifact(of: image.top), repository: repository)
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            source.load(.image(labels: ["kind": "signature"]), repository: repository, tag: tag)
            source.script(
                RequestMatch(nil, .manifest("\(tag)"), times: nil),
                .flip { [store = source.store] _ in
                    store.digest(of: "there", in: "app") == nil ? .error(404, "MANIFEST_UNKNOWN") : nil
                }
            )
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                let foreseen = try await mirror.foresee(entry).rows
                let first = try await mirror.run(entry)
                #expect(first.rows.map(\.referrers) == [1])
                #expect(foreseen.map(\.warnings) == first.rows.map(\.warnings))
                #expect(first.rows.first?.warnings.contains { $0.contains("lists the tag \(tag)") } == true)
                target.forgetRequests()
                for _ in 0..<4 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                #expect(target.count("PUT") == 0)
                source.store.tag("there", image.digest, in: repository)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [2])
                #expect(target.store.digest(of: tag, in: mirrored) != nil)
            }
        }
    }
}
