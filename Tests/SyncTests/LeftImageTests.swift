import Cache
import OCI
import Sync
import TestSupport
import Testing

/// What a copy that fails or is stopped leaves in the cache, and what becomes of that.
@Suite(.timeLimit(.minutes(10)))
struct LeftImageTests: ReferrerMirroring {
    /// What the next run finds.
    enum Finding: CaseIterable {
        case moved
        case movedAndPushedByOthers
        case gone
        case pushedByOthers
    }

    private let image = SampleImage.multiPlatform()
    private let moved = SampleImage.multiPlatform(seed: 2)
    private let refusal = Action.reply(.error(403, "DENIED", "the quota is used up"))

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await between(interfaceAt: false, false) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { try await body(source, target, $0) }
        }
    }

    private func entry(_ source: ScriptedRegistry, _ target: ScriptedRegistry, _ more: String = "") -> String {
        "source: '\(source.host)/app', target: '\(target.host)/mirrors/app', tag: v1, check_digest: true\(more)"
    }

    private func read(_ source: ScriptedRegistry) -> Int { source.count("GET", pathContains: "/manifests/") }

    /// Whether what the source's tag names in the cache was whole when it got the name.
    private func named(_ mirror: MirrorRun, _ source: ScriptedRegistry) async throws -> [Bool] {
        let place = RepositoryReference(host: source.host, repository: repository)
        return try await mirror.withCache { try await $0.names.images(of: "v1", in: place).map(\.wasWhole) }
    }

    /// Lets the source, or others at the target, do what is found then.
    private func happen(_ finding: Finding, _ source: ScriptedRegistry, _ target: ScriptedRegistry, isPart: Bool) {
        let new = finding == .pushedByOthers ? image : moved
        switch finding {
        case .moved: target.load(new, repository: mirrored, tag: "other")
        case .gone: source.store.remove(image.digest, from: repository)
        case .pushedByOthers, .movedAndPushedByOthers:
            target.load(new, repository: mirrored, tag: "v1")
            if isPart { target.store.tag("v1", new.manifests[0].descriptor.digest, in: mirrored) }
        }
        if finding != .gone { source.load(new, repository: repository, tag: "v1") }
    }

    @Test(
        "What has not come whole goes from the cache once the source's tag is something else, and only then",
        arguments: Finding.allCases,
        ["", ", platforms: [linux/amd64]"]
    )
    func forgotten(finding: Finding, platforms: String) async throws {
        try await between { source, target, mirror async throws in
            let lost = image.blobs[0].descriptor.digest
            source.script(RequestMatch("GET", .blob(lost), times: nil), .error(404, "BLOB_UNKNOWN"))
            let entry = entry(source, target, platforms)
            #expect(try await mirror.run(entry).rows.map(\.status) == [.failed])
            #expect(try await named(mirror, source) == [false])
            happen(finding, source, target, isPart: !platforms.isEmpty)
            let status: SyncReport.Status =
                switch finding {
                case .moved: .synced
                case .gone: .failed
                case .pushedByOthers, .movedAndPushedByOthers: .upToDate
                }
            #expect(try await mirror.run(entry).rows.map(\.status) == [status])
            #expect(try await named(mirror, source) == (finding == .pushedByOthers ? [false] : []))
        }
    }

    @Test("Nor does the image stay that a tag was before it moved while its blobs were fetched")
    func begunAgain() async throws {
        try await between { source, target, mirror async throws in
            target.load(moved, repository: mirrored, tag: "other")
            source.script(
                RequestMatch("GET", .blob(image.blobs[0].descriptor.digest), times: nil),
                .flip { [moved, repository] _ in
                    source.load(moved, repository: repository, tag: "v1")
                    return .error(404, "BLOB_UNKNOWN")
                }
            )
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
            #expect(target.store.digest(of: "v1", in: mirrored) == moved.digest)
            #expect(try await named(mirror, source) == [])
        }
    }

    @Test("An image that has come whole is the cache's, and an offline run has it, though its target took no manifest")
    func whole() async throws {
        try await between { source, target, mirror async throws in
            target.script(RequestMatch("PUT", .manifests, times: nil), refusal)
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.failed])
            #expect(try await named(mirror, source) == [true])
            target.removeScript()
            var offline = mirror
            offline.isOffline = true
            #expect(try await offline.run(entry(source, target)).rows.map(\.status) == [.synced])
            // So is what a tag has moved to that has an image here.
            source.load(moved, repository: repository, tag: "v1")
            target.script(RequestMatch("PUT", .manifests, times: nil), refusal)
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.failed])
            _ = try await mirror.withCache { try await $0.collect(CollectionOptions(grace: .zero)) }
            target.removeScript()
            source.forgetRequests()
            #expect(try await offline.run(entry(source, target)).rows.map(\.status) == [.synced])
            #expect(target.store.digest(of: "v1", in: mirrored) == moved.digest && source.requests.isEmpty)
        }
    }

    @Test(
        "An offline run takes nothing back that the target was given since the cache's tag stands for its image",
        arguments: [false, true],
        ["", ", platforms: [linux/amd64]"]
    )
    func notTakenBack(byOthers: Bool, platforms: String) async throws {
        try await between { source, target, mirror async throws in
            let entry = entry(source, target, platforms)
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            let former = try #require(target.store.digest(of: "v1", in: mirrored))
            happen(byOthers ? .movedAndPushedByOthers : .moved, source, target, isPart: !platforms.isEmpty)
            #expect(try await mirror.run(entry).rows.map(\.status) == [byOthers ? .upToDate : .synced])
            let there = target.store.digest(of: "v1", in: mirrored)
            var offline = mirror
            offline.isOffline = true
            #expect(try await offline.run(entry).rows.map(\.status) == [.upToDate])
            #expect(there != former && target.store.digest(of: "v1", in: mirrored) == there)
            // What an export asks: it fetches the image then.
            let place = Names.Place(location: RepositoryReference(host: target.host, repository: mirrored), tag: "v1")
            #expect(try await mirror.withCache { try await $0.copies.isFormer(former, of: [place]) })
        }
    }

    @Test("What a target has of the image that the cache's tag stands for makes that no former one, whoever gave it")
    func foundPart() async throws {
        try await between { source, target, mirror async throws in
            let whole = "source: '\(source.host)/app', target: '\(target.host)/whole', tag: v1"
            #expect(try await mirror.run(whole).rows.map(\.status) == [.synced])
            target.load(image, repository: mirrored, tag: "other")
            target.store.tag("v1", image.manifests[0].descriptor.digest, in: mirrored)
            let part = entry(source, target, ", platforms: [linux/amd64]")
            #expect(try await mirror.run(part).rows.map(\.status) == [.upToDate])
            let place = Names.Place(location: RepositoryReference(host: target.host, repository: mirrored), tag: "v1")
            try await mirror.withCache { cache async throws in
                #expect(try await cache.copies.last(to: place) == image.manifests[0].descriptor.digest)
                #expect(try await !cache.copies.isFormer(image.digest, of: [place]))
            }
        }
    }

    @Test("What was read of an image stays where one of its manifests cannot be read")
    func siblings() async throws {
        try await between { source, target, mirror async throws in
            let (inner, outer) = (SampleImage.index(of: [moved]), SampleImage.image(labels: ["outer": "1"]))
            let nested = SampleImage.index(of: [outer, inner])
            source.load(nested, repository: repository, tag: "v1")
            source.script(RequestMatch("GET", .manifest("\(moved.digest)"), times: nil), refusal)
            for count in [4, 1] {
                source.forgetRequests()
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.failed])
                #expect(read(source) == count)
            }
            source.removeScript()
            source.forgetRequests()
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
            #expect(read(source) == moved.manifests.count)
        }
    }

    @Test("So does what was read of images that wait for their turn when a run is stopped")
    func waiting() async throws {
        try await between { source, target, mirror async throws in
            var mirror = mirror
            mirror.parallelism = 1
            source.load(moved, repository: repository, tag: "v2")
            let entries = ["v1", "v2"].map { "source: '\(source.host)/app', target: '\(target.host)/app', tag: \($0)" }
            // How far they are when it is stopped is not told.
            for _ in 0..<20 {
                source.forgetRequests()
                let gate = Gate()
                target.script(RequestMatch("POST", .uploads, times: nil), .all([refusal, .holdHead(gate)]))
                await withTaskGroup(of: Void.self) { [mirror] group in
                    group.addTask { _ = try? await mirror.run(entries) }
                    try? await gate.waitForArrivals()
                    for _ in 0..<10_000 { await Task.yield() }
                    group.cancelAll()
                    gate.open()
                }
                target.removeScript()
                if read(source) == 0 { break }
            }
            #expect(read(source) == 0)
        }
    }
}
