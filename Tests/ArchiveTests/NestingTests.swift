import Archive
import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

/// How deep indexes may be nested: what an import takes an export gives.
@Suite(.timeLimit(.minutes(10)))
struct NestingTests {
    private static func nested(_ count: Int) -> SampleImage {
        (0..<count).reduce(SampleImage.image(layers: [.init(seed: 94, size: 600)])) { image, _ in
            SampleImage.index(of: [image])
        }
    }

    @Test("Seven indexes above a manifest are imported and exported, and eight are neither")
    func depth() async throws {
        let reference = try ImageReference("a.example.com/x:1")
        try await withCache { cache, path async throws in
            let deep = Self.nested(7)
            try await cache.importing(TestTar.layout([(deep, "\(reference)")]).finished, at: path)
            let closure = try await ArchiveClosure(of: deep.top, in: cache)
            #expect(closure.missing.isEmpty && closure.descriptors.count == 10 && closure.manifests.count == 8)
            let contents = ArchiveContents(images: [.init(reference: reference, descriptor: deep.top)])
            let plan = try await ArchivePlanner(cache).plan(contents)
            try await ArchiveOutput(cache).write(plan.volumes[0], to: .file(path: "\(path)-a.tar", overwrites: false))
            try await withCache { far, _ async throws in
                _ = try await ArchiveImporter(far).run(.path("\(path)-a.tar"))
                #expect(try await far.tagged() == ["\(reference)": deep.digest])
            }
            let deeper = Self.nested(8)
            await #expect(throws: CacheError.self) {
                try await cache.importing(TestTar.layout([(deeper, "\(reference)")]).finished, at: path)
            }
            for manifest in deeper.manifests {
                let bytes = manifest.source.buffer
                try await cache.store(try Manifest(bytes: bytes, contentType: nil), from: reference.location)
            }
            await #expect(throws: DocumentError.self) { _ = try await ArchiveClosure(of: deeper.top, in: cache) }
        }
    }
}
