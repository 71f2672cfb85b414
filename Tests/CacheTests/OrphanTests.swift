import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What a collection, and a verification, do with files that have no row, or one that says they are missing.
@Suite(.timeLimit(.minutes(10)))
struct OrphanTests {
    private static let location = "registry.example.com/app"

    /// Something that a collection meets without a row although an image with a name needs it.
    enum Part: CaseIterable, Sendable {
        case layer, child, whole, referrer

        static let image = SampleImage.multiPlatform(seed: 32)
        static let signature = SampleImage.artifact(of: image.top)

        var digests: Set<Digest> {
            switch self {
            case .layer: Set(Self.image.blobs.suffix(1).map(\.descriptor.digest))
            case .child: Set(Self.image.manifests.prefix(1).map(\.descriptor.digest))
            case .whole: Self.image.digests.subtracting([Self.image.digest])
            case .referrer: [Self.signature.digest]
            }
        }
    }

    @Test(
        "A collection records what images need that have names, whole or not, and what they consist of stays",
        arguments: Part.allCases,
        AdoptionTests.Loss.allCases
    )
    func kept(_ part: Part, _ loss: AdoptionTests.Loss) async throws {
        let all = Part.image.digests.union(Part.signature.digests)
        let location = try RepositoryReference(Self.location)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Part.image, in: cache, as: "other", of: "b")
                try await NamesTests.store(Part.signature, in: cache, as: "signature", of: "b")
                try await cache.names.recordPulled(.tag("1"), of: location, as: Part.image.top)
                try await cache.referrers.set(of: Part.image.digest, in: location, to: [Part.signature.top])
                for tag in ["other", "signature"] { #expect(try await cache.remove(tag, of: "b")) }
            }
            for digest in part.digests { try timed.lose(digest, loss) }
            timed.advance(hours: 3)
            try await timed.open { cache async throws in
                #expect(try await cache.collect(CollectionOptions(grace: .zero, isDryRun: true)).blobs == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
            }
            #expect(try timed.stored() == all)
            #expect(try timed.count("blobs WHERE state = 'ok'") == all.count)
            #expect(try timed.count("manifests") == Part.image.manifests.count + 1)
        }
    }

    @Test("A collection does not record a file that is not as long as the image says")
    func short() async throws {
        let image = SampleImage.image()
        let layer = try #require(image.blobs.last?.descriptor.digest)
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: Self.location) }
            try timed.lose(layer, .rows)
            #expect(truncate(file(layer, in: timed.path), 3) == 0)
            try await timed.open { cache async throws in
                _ = try await cache.collect(CollectionOptions(grace: .zero))
            }
            #expect(try timed.count("blobs") == image.digests.count - 1)
        }
    }

    /// An image with a name, of whose children one has no row; what it consists of was used long ago.
    private func withLostChild(
        _ image: SampleImage,
        _ body: (TimedCache, Digest) async throws -> Void
    ) async throws {
        let child = try #require(image.manifests.first?.descriptor.digest)
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: Self.location) }
            try timed.lose(child, .rows)
            try timed.execute("UPDATE blobs SET committed_at = 0, used_at = 0")
            try await body(timed, child)
        }
    }

    @Test("What a child consists of stays, although its file was written within the grace")
    func recent() async throws {
        try await withLostChild(.multiPlatform(seed: 33)) { timed, _ in
            timed.now.update { $0 = Int64(time(nil)) }
            let report = try await timed.open { try await $0.collect() }
            #expect(report.blobs == 0)
            #expect(try timed.count("blobs WHERE state = 'ok'") == SampleImage.multiPlatform(seed: 33).digests.count)
        }
    }

    @Test("What a child consists of stays, although somebody works on it, and nobody is waited for")
    func busy() async throws {
        let image = SampleImage.multiPlatform(seed: 34)
        try await withLostChild(image) { timed, child in
            try await timed.open { cache async throws in
                try await cache.add(bytes(500))
                let file = try #require(try cache.store.directory.blobs.open(child))
                #expect(try file.tryLock(.exclusive))
                #expect(try await cache.collect(CollectionOptions(grace: .zero, isDryRun: true)).blobs == 1)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 1)
                file.unlock()
            }
            timed.advance(hours: 1)
            let report = try await timed.open { try await $0.collect(CollectionOptions(grace: .zero)) }
            #expect(report.blobs == 0)
            #expect(try timed.stored() == image.digests)
            #expect(try timed.count("blobs WHERE state = 'ok'") == image.digests.count)
        }
    }

    @Test("What others have entered stays, although it comes after its entry, file by file")
    func late() async throws {
        let image = SampleImage.multiPlatform(seed: 35)
        try await TimedCache.with { timed in
            try await timed.open { try await $0.writeLayout() }
            let entry =
                #"{"digest":"\#(image.digest)","mediaType":"\#(image.top.mediaType)","size":\#(image.top.size)}"#
            try write(
                ByteBuffer(string: #"{"schemaVersion":2,"manifests":[\#(entry)]}"#),
                to: "\(timed.path)/index.json"
            )
            let report = try await timed.open { try await $0.collect(CollectionOptions(grace: .zero)) }
            #expect(report.blobs == 0)
            for part in image.manifests + image.blobs {
                try write(part.source.buffer, to: file(part.descriptor.digest, in: timed.path))
            }
            try await timed.open { cache async throws in
                #expect(try await cache.collect(CollectionOptions(grace: .zero, isDryRun: true)).blobs == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
            }
            #expect(try timed.stored() == image.digests)
            #expect(try timed.count("blobs WHERE state = 'ok'") == image.digests.count)
        }
    }

    @Test("A verification tells of what a child lacks whose row was lost")
    func verified() async throws {
        let image = SampleImage.multiPlatform(seed: 36)
        try await withLostChild(image) { timed, child in
            let layer = try #require(image.blobs.first?.descriptor.digest)
            unlink(file(layer, in: timed.path))
            try timed.execute("DELETE FROM blobs WHERE hex(digest) LIKE '%\(layer.hex.uppercased())'")
            try await timed.open { cache async throws in
                let findings = try await cache.verify().findings
                #expect(findings.map(\.digest) == [layer])
                #expect(findings.first?.fault == .missing)
            }
        }
    }

    @Test("What a listed referrer has lost is told each time, until it is here again")
    func lostReferrer() async throws {
        let image = SampleImage.image(layers: [.init(seed: 39, size: 5000)])
        let signature = SampleImage.artifact(of: image.top)
        let payload = try #require(signature.blobs.last)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(signature, in: cache, as: "s", of: Self.location)
                try await NamesTests.store(image, in: cache, as: "1", of: Self.location)
                let location = try RepositoryReference(Self.location)
                try await cache.referrers.set(of: image.digest, in: location, to: [signature.top])
                #expect(try await cache.remove("s", of: Self.location))
            }
            unlink(file(payload.descriptor.digest, in: timed.path))
            for _ in 0..<3 {
                let findings = try await timed.open { try await $0.verify().findings }
                #expect(findings.map(\.digest) == [payload.descriptor.digest])
            }
            try write(payload.source.buffer, to: file(payload.descriptor.digest, in: timed.path))
            let findings = try await timed.open { try await $0.verify().findings }
            #expect(findings.isEmpty)
        }
    }

    @Test("A collection leaves nothing for the next one, lists of referrers included", arguments: [false, true])
    func twice(isEvicted: Bool) async throws {
        let image = SampleImage.image(layers: [.init(seed: 37, size: 5000)])
        let other = SampleImage.image(layers: [.init(seed: 38, size: 5000)], labels: ["a": "b"])
        let signature = SampleImage.artifact(of: image.top)
        let location = try RepositoryReference(Self.location)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(signature, in: cache, as: "s", of: Self.location)
                try await NamesTests.store(image, in: cache, as: "1", of: Self.location)
                try await cache.referrers.set(of: image.digest, in: location, to: [signature.top])
                #expect(try await cache.remove("s", of: Self.location))
                timed.advance(hours: 3)
                try await NamesTests.store(other, in: cache, as: "2", of: Self.location)
                try await cache.writeLayout()
                #expect(
                    try timed.stored().count == (image.digests.union(other.digests).union(signature.digests)).count + 1
                )
            }
            timed.advance(hours: 3)
            var options = CollectionOptions(grace: .zero)
            try await timed.open { cache async throws in
                if isEvicted {
                    options.maximumSize = other.bytes + 3000
                } else {
                    #expect(try await cache.remove("1", of: Self.location))
                    try await cache.writeLayout()
                }
                options.isDryRun = !isEvicted
                let foreseen = try await cache.collect(options)
                options.isDryRun = false
                if !isEvicted { #expect(try await cache.collect(options).blobs == foreseen.blobs) }
                #expect(try timed.stored() == other.digests)
                #expect(try await cache.collect(options).blobs == 0)
            }
        }
    }
}

extension TimedCache {
    /// Takes what the index knows of a blob away, but not what refers to it.
    fileprivate func lose(_ digest: Digest, _ loss: AdoptionTests.Loss) throws {
        let key = "X'0\(digest.algorithm == .sha256 ? 1 : 2)\(digest.hex)'"
        switch loss {
        case .states: try execute("UPDATE blobs SET state = 'missing', verified_at = NULL WHERE digest = \(key)")
        case .rows:
            try execute(
                """
                DELETE FROM edges WHERE parent = \(key);
                DELETE FROM manifests WHERE digest = \(key);
                DELETE FROM blobs WHERE digest = \(key)
                """
            )
        }
    }
}
