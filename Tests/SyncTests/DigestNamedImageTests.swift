import OCI
import Sync
import TestSupport
import Testing

/// Images that some tools tag with their own digest, where registries without the referrers interface keep lists.
@Suite(.timeLimit(.minutes(10)))
struct DigestNamedImageTests: ReferrerMirroring {
    private let image = SampleImage.image()

    private func expectKept(_ target: ScriptedRegistry, _ row: SyncReport.Row?) throws {
        let tag = try image.digest.referrersTag
        #expect(target.store.digest(of: tag, in: mirrored) == image.digest)
        #expect(row?.status == .failed)
        #expect(row?.reason?.contains("\(tag) is an image") == true)
    }

    @Test(
        "An image under the tag of its list is not replaced by what is signed later",
        arguments: ["", ", check_digest: true"]
    )
    func own(more: String) async throws {
        try await between(interfaceAt: true, false) { source, target in
            let tag = try image.digest.referrersTag
            source.load(image, repository: repository, tag: tag)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag: \(tag)\(more)")
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                source.load(SampleImage.artifact(of: image.top), repository: repository)
                for _ in 0..<2 { try expectKept(target, try await mirror.run(entry).rows.first) }
            }
        }
    }

    @Test("An image that was signed before does not come without its list under the tag of that")
    func signedBefore() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let tag = try image.digest.referrersTag
            source.load(image, repository: repository, tag: tag)
            source.load(SampleImage.artifact(of: image.top), repository: repository)
            try await MirrorRun.with { mirror async throws in
                let rows = try await mirror.run(entry(source, target, "tag: \(tag)")).rows
                #expect(rows.map(\.status) == [.failed])
                #expect(target.store.digest(of: tag, in: mirrored) == nil)
            }
        }
    }

    @Test("Nor is one that another entry or somebody else has put there", arguments: [true, false])
    func others(isOwn: Bool) async throws {
        try await between(interfaceAt: true, false) { source, target in
            let tag = try image.digest.referrersTag
            source.load(image, repository: repository, tag: "v1")
            source.store.tag(tag, image.digest, in: repository)
            try await MirrorRun.with { mirror async throws in
                let entries = [entry(source, target)] + (isOwn ? [entry(source, target, "tag: \(tag)")] : [])
                #expect(try await mirror.run(entries).rows.map(\.status).allSatisfy { $0 == .synced })
                if !isOwn { target.store.tag(tag, image.digest, in: mirrored) }
                source.load(SampleImage.artifact(of: image.top), repository: repository)
                for _ in 0..<2 { try expectKept(target, try await mirror.run(entries[0]).rows.first) }
            }
        }
    }
}
