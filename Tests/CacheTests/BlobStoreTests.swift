import Cache
import CacheSupport
import FoundationEssentials
import Glibc
import OCI
import TestSupport
import Testing

/// One writer below `blobs/`, and one answer to whether a blob is here.
@Suite(.timeLimit(.minutes(10)))
struct BlobStoreTests {
    @Test("Where the disk does not say whether a blob is here, it is not taken for absent")
    func unknown() async throws {
        let image = SampleImage.image(layers: [.init(seed: 81, size: 4000)])
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: "a") }
            try await timed.open { cache async throws in
                let layer = try #require(image.blobs.last).descriptor
                try await withFaulty("fstatat", on: "\(timed.path)/blobs/sha256/\(layer.digest.hex)", code: EIO) {
                    _ async throws in
                    for ask in [
                        { _ = try cache.contains(layer) }, { _ = try await cache.hold(image.all) },
                        { _ = try await cache.blobs.adopt([layer]) },
                    ] as [() async throws -> Void] {
                        let error = try await #require(throws: CacheError.self) { try await ask() }
                        #expect(error.kind == .inputOutput)
                    }
                }
                #expect(try cache.contains(layer))
            }
            #expect(try timed.count("blobs WHERE state = 'ok'") == image.digests.count)
        }
    }

    @Test("Names that other programs have given a blob's file elsewhere do no harm", arguments: 1...3)
    func otherNames(count: Int) async throws {
        let content = bytes(5000)
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(content) }
            for number in 0..<count {
                let name = "\(timed.path)/blobs/other\(number)"
                try #require(link("\(timed.path)/blobs/sha256/\(Digest.of(content).hex)", name) == 0)
            }
            try await timed.open { cache async throws in
                #expect(try await cache.verify().findings.isEmpty)
                #expect(try await cache.blob(blob(content))?.all() == content)
            }
        }
    }

    private struct Source {
        let path: String
        let text: String
    }

    private static func sources() throws -> [Source] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        return try Files.tree("\(root)/Sources").filter { $0.hasSuffix(".swift") }
            .map { Source(path: $0, text: try Files.text("\(root)/Sources/\($0)")) }
    }

    @Test("The directories of blobs are opened in one place, and written to from one folder")
    func writers() throws {
        let opening = #/(?:open|existing|subdirectory|openFile|Directory)\((?:\w+: )?"(?:[^"]*\/)?blobs(?:\/|")/#
        let writing = #/\.(?:publish|moveAside|removeIfIdle)\(/#
        var openers: Set<String> = []
        for source in try Self.sources() {
            if source.text.contains(opening) { openers.insert(source.path) }
            if source.path.hasPrefix("Cache/"), !source.path.hasPrefix("Cache/Blobs/"), source.text.contains(writing) {
                let calls = source.text.matches(of: #/(\w+(?:\.\w+)*)\.(?:publish|moveAside|removeIfIdle)\(/#)
                    .map { String($0.output.1) }
                // The store itself may be asked.
                #expect(calls.allSatisfy { $0 == "blobs" || $0 == "store.blobs" }, "\(source.path): \(calls)")
            }
        }
        // That reads the image layouts of others, which are imported.
        openers = openers.filter { !$0.hasSuffix("/LayoutDirectory.swift") }
        #expect(openers == ["Cache/Files/StoreDirectory.swift"])
    }
}
