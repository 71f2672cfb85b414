import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// Sources that keep a list under a tag, and have the referrers interface all the same.
@Suite(.timeLimit(.minutes(10)))
struct HiddenInterfaceTests: ReferrerMirroring {
    private let image = SampleImage.multiPlatform()

    /// What a run asks the source about an image that the target has.
    private func questions(_ source: ScriptedRegistry) -> Int {
        source.count(pathContains: "/referrers/") + source.count(pathContains: "/manifests/")
    }

    @Test(
        "What the interface of a source lists comes, and goes, also where an old list is under a tag",
        arguments: ["index", "image"]
    )
    func oldList(subject name: String) async throws {
        try await between(interfaceAt: false, false) { source, target in
            let subject = name == "index" ? image.top : try #require(image.manifests.first).descriptor
            let former = SampleImage.artifact(of: subject, content: "former")
            source.load(image, repository: repository, tag: "v1")
            source.load(former, repository: repository)
            try list([former], of: subject.digest, at: source)
            try await MirrorRun.with { mirror async throws in
                let run = { try await mirror.run(entry(source, target)).rows }
                #expect(try await run().map(\.referrers) == [1])
                source.options.referrersAPI = true
                let later = SampleImage.artifact(of: image.top, content: "later")
                source.load(later, repository: repository)
                // Which question is asked is chosen at random.
                for _ in 0..<200 where !target.store.holds(later, repository: mirrored) { _ = try await run() }
                try #require(target.store.holds(later, repository: mirrored))
                target.forgetRequests()
                for _ in 0..<8 {
                    source.forgetRequests()
                    #expect(try await run().map(\.status) == [.upToDate])
                    #expect(questions(source) <= 1, "\(source.requests.map(\.path))")
                }
                #expect(target.count("PUT") == 0)
                source.store.remove(later.digest, from: repository)
                let isListed = {
                    let list = target.store.manifest(try image.digest.referrersTag, in: mirrored)
                    return String(buffer: try #require(list).bytes.buffer).contains(later.digest.hex)
                }
                for _ in 0..<200 where try isListed() { _ = try await run() }
                #expect(try !isListed())
            }
        }
    }

    @Test("What the list under a tag has alone is neither news nor withdrawn because the interface lacks it")
    func listedUnderTagAlone() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let signature = SampleImage.image(labels: ["kind": "signature"])
            source.load(image, repository: repository, tag: "v1")
            source.load(SampleImage.artifact(of: image.top), repository: repository)
            source.load(signature, repository: repository)
            try list([signature], of: image.digest, at: source)
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target)).rows.map(\.referrers) == [2])
                for _ in 0..<8 {
                    source.forgetRequests()
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
                    #expect(questions(source) <= 2, "\(source.requests.map(\.path))")
                }
            }
        }
    }
}
