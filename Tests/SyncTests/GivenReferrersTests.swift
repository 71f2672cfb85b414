import OCI
import Sync
import TestSupport
import Testing

/// What a target was given of what refers to an image: some of it it still has, some it has lost.
@Suite(.timeLimit(.minutes(2)))
struct GivenReferrersTests: ReferrerMirroring {
    @Test("A signature that the target has lost comes back with the next run", arguments: [true, false])
    func lostAtTarget(isHidden: Bool) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            source.load(.image(labels: ["kind": "signature"]), repository: repository, tag: tag)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                if isHidden {
                    // Some do not list what belongs to others, and know no HEAD of it.
                    target.script(RequestMatch("HEAD", .manifest("\(tag)"), times: nil), .status(404))
                    target.script(RequestMatch("GET", .tags, times: nil), .reply(.json(200, #"{"tags":["v1"]}"#)))
                } else {
                    target.store.remove(mirrored)
                    target.load(image, repository: mirrored, tag: "v1")
                }
                target.forgetRequests()
                let status = try await mirror.run(entry).rows.map(\.status)
                #expect(status == [isHidden ? .upToDate : .synced])
                #expect(target.store.digest(of: tag, in: mirrored) != nil)
                #expect(isHidden == (target.count("PUT") == 0))
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("A list that the target has lost comes back with the next run")
    func lostList() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(.artifact(of: image.top), repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                target.store.remove(mirrored)
                target.load(image, repository: mirrored, tag: "v1")
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                #expect(target.store.digest(of: try image.digest.referrersTag, in: mirrored) != nil)
                #expect(target.store.holds(.artifact(of: image.top), repository: mirrored))
                target.forgetRequests()
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                #expect(target.count("HEAD") + target.count("PUT") == 0)
            }
        }
    }

    @Test("Of what refers to an image only that is sent which the target lacks", arguments: [true, false])
    func sentOnce(hasInterface: Bool) async throws {
        try await between(interfaceAt: true, hasInterface) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<4).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            for artifact in artifacts.dropLast() { source.load(artifact, repository: repository) }
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [3])
                let list = try hasInterface ? [] : [image.digest.referrersTag.description]
                let puts = {
                    let puts = target.requests.filter { $0.method == "PUT" && $0.path.contains("/manifests/") }
                    return Set(puts.compactMap { $0.path.split(separator: "/").last.map(String.init) })
                }
                target.forgetRequests()
                source.load(artifacts[3], repository: repository)
                #expect(try await mirror.run(entry).rows.map(\.reason) == ["referrers new"])
                #expect(puts() == Set([artifacts[3].digest.description] + list))
                target.store.remove(artifacts[1].digest, from: mirrored)
                source.store.remove(artifacts[0].digest, from: repository)
                target.forgetRequests()
                let row = try #require(try await mirror.run(entry).rows.first)
                #expect(row.status == .synced)
                #expect(puts() == Set([artifacts[1].digest.description] + list))
                source.store.remove(artifacts[2].digest, from: repository)
                target.forgetRequests()
                let last = try #require(try await mirror.run(entry).rows.first)
                #expect(last.status == (hasInterface ? .upToDate : .synced))
                #expect(puts() == Set(list))
                #expect(last.warnings.count == (hasInterface ? 1 : 0), "\(last.warnings)")
            }
        }
    }

    @Test("Where a source does not tell what is new, the row of the tag says so")
    func untold() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(.artifact(of: image.top), repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                source.script(RequestMatch("GET", .containing("/referrers/"), times: nil), .status(500))
                let row = try #require(try await mirror.run(entry).rows.first)
                #expect(row.status == .upToDate && row.warnings.count == 1, "\(row.warnings)")
                #expect(try await mirror.foresee(entry).rows.map(\.warnings) == [row.warnings])
            }
        }
    }
}
