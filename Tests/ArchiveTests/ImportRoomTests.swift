import Archive
import Cache
import CacheSupport
import FailingCalls
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// The room that an import needs.
@Suite(.timeLimit(.minutes(10)))
struct ImportRoomTests {
    private static let name = "a.example.com/x:1"
    private static let image = SampleImage.image(
        layers: [.init(seed: 1, size: 3_000_000), .init(seed: 2, size: 2_500_000)]
    )

    private static var archives: [(what: String, bytes: ByteBuffer)] {
        get throws {
            [
                ("imglife", try ArchiveSample(images: [(image, name)]).archive()),
                ("layout", TestTar.layout([(image, name)]).finished),
            ]
        }
    }

    @Test("No import begins that would leave less free than the floor, and the text says how much it takes")
    func floor() async throws {
        for (what, bytes) in try Self.archives {
            try await TemporaryDirectory.with { path async throws in
                let path = "\(path)/cache"
                var configuration = configuration(path)
                configuration.minimumFree = 1 << 60
                try await ContentCache.with(configuration) { cache async throws in
                    let error = await #expect(throws: CacheError.self) { try await cache.importing(bytes, at: path) }
                    let text = "\(error.map { "\($0)" } ?? "")"
                    #expect(error?.kind == .diskFull)
                    #expect(text.hasPrefix("cannot import into \(path): it takes "), "\(text)")
                    // Where the archive lists its blobs all of them count.
                    #expect(text.contains("it takes 5.2 MiB there, ") == (what == "imglife"), "\(text)")
                    #expect(text.contains("and 1.0 EiB of them stay free; free some space"), "\(text)")
                    #expect(try names("\(path)/ingest").isEmpty)
                    #expect(try names("\(path)/blobs/sha256").isEmpty)
                }
            }
        }
    }

    @Test("What is here already needs no room")
    func again() async throws {
        for (_, bytes) in try Self.archives {
            try await TemporaryDirectory.with { path async throws in
                let path = "\(path)/cache"
                for minimum: Int64 in [0, 1 << 60] {
                    var configuration = configuration(path)
                    configuration.minimumFree = minimum
                    try await ContentCache.with(configuration) { cache async throws in
                        try await cache.importing(bytes, at: path)
                        #expect(try await cache.tagged() == [Self.name: Self.image.digest])
                    }
                }
                #expect(try names("\(path)/ingest").isEmpty)
            }
        }
    }

    @Test("While blobs are written their room is reserved; afterwards it is not, whatever became of the archive")
    func reservations() async throws {
        for (_, bytes) in try Self.archives {
            try await withCache { cache, path async throws in
                var cut = bytes
                cut.moveWriterIndex(to: bytes.readableBytes - 600)
                for archive in [cut, bytes] {
                    let most = Watched(0)
                    _ = try? await cache.importing(archive, at: path) { options in
                        options.onBytes = { _ in
                            let held = (try? count("reservations WHERE bytes = 3000000", in: path)) ?? 0
                            most.update { $0 = max($0, held) }
                        }
                    }
                    #expect(most.value == 1)
                    #expect(try count("reservations", in: path) == 0)
                }
                #expect(try await cache.tagged() == [Self.name: Self.image.digest])
            }
        }
    }

    @Test("An import of which all is here succeeds, although its room cannot be given back")
    func keptRoom() async throws {
        let other = SampleImage.image(layers: [.init(seed: 3, size: 2_000_000)])
        let bytes = try ArchiveSample(images: [(Self.image, Self.name), (other, "a.example.com/y:1")]).archive()
        try await withCache { cache, path async throws in
            try await withThrowingTaskGroup(of: ImportReport.self) { group in
                // Full from when all names are recorded.
                let full = try await withFaulty("renameat", on: "\(path)/index.json") { count in
                    group.addTask { try await cache.importing(bytes, at: path) { $0.only = [Self.name] } }
                    while count() == 0 { await Task.yield() }
                    return failing_call_begin("write", "\(path)/index.sqlite", ENOSPC)
                }
                defer { failing_call_end(full) }
                #expect(try await group.next()?.images.count == 1)
                #expect(failing_call_count(full) > 0)
            }
            #expect(try await cache.tagged() == [Self.name: Self.image.digest])
        }
    }

    @Test("An import of which all is here succeeds, although what parts have left cannot be removed")
    func keptParts() async throws {
        let sample = ArchiveSample(images: [(Self.image, Self.name)])
        let large = try #require(Self.image.blobs.first { $0.descriptor.size == 3_000_000 }).descriptor.digest
        let rest = sample.parts.map(\.descriptor.digest).filter { $0 != large }
        let volumes = try sample.volumes([rest], splitting: [large: [1_000_000]])
        try await withCache { cache, path async throws in
            for volume in volumes.dropLast() { try await cache.importing(volume, at: path) }
            try await withFaulty("unlinkat", on: "\(path)/ingest/part-", code: EIO) { count async throws in
                #expect(try await cache.importing(volumes[2], at: path).images.count == 1)
                #expect(count() > 0)
            }
            #expect(try await cache.tagged() == [Self.name: Self.image.digest])
        }
    }

    @Test("What a cancelled import leaves takes no more space than it holds")
    func cancelled() async throws {
        for (_, bytes) in try Self.archives {
            try await withCache { cache, path async throws in
                await #expect(throws: CancellationError.self) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            let passed = Watched(0)
                            _ = try await cache.importing(bytes, at: path) { options in
                                options.onBytes = { count in
                                    passed.update { $0 += count }
                                    if passed.value > 1_500_000 { withUnsafeCurrentTask { $0?.cancel() } }
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                let ingest = try Directory(path: "\(path)/ingest")
                let partial = try #require(try ingest.names().first { try ingest.status($0)?.size ?? 0 > 1_000_000 })
                let status = try #require(try ingest.status(partial))
                #expect(status.size < 2_400_000)
                #expect(status.allocated < status.size + 100_000)
            }
        }
    }

    @Test("What an interrupted import has written is not asked for again")
    func leftovers() async throws {
        try await TemporaryDirectory.with { path async throws in
            let path = "\(path)/cache"
            try await ContentCache.with(configuration(path)) { _ in }
            for blob in Self.image.blobs {
                try write(blob.source.buffer, to: "\(path)/ingest/sha256-\(blob.descriptor.digest.hex)")
            }
            var configuration = configuration(path)
            configuration.minimumFree = 1 << 60
            try await ContentCache.with(configuration) { cache async throws in
                let bytes = try ArchiveSample(images: [(Self.image, Self.name)]).archive()
                let error = await #expect(throws: CacheError.self) { try await cache.importing(bytes, at: path) }
                let manifest = ByteCount(Self.image.top.size)
                #expect("\(error.map { "\($0)" } ?? "")".contains("it takes \(manifest) there, "), "\(error as Any)")
            }
        }
    }
}
