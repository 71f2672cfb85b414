import CLinux
import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RoomTests {
    @Test("No download begins that would leave less free than the floor, and the text names it")
    func floor() async throws {
        try await TemporaryDirectory.with { path in
            var configuration = configuration("\(path)/cache")
            configuration.minimumFree = 1 << 60
            try await ContentCache.with(configuration) { cache in
                let content = bytes(200_000)
                let source = FakeSource([content])
                let reader = try await cache.follow(blob(content), from: source)
                let error = try await #require(throws: CacheError.self) { try await reader.whenCommitted() }
                #expect(error.kind == .diskFull)
                #expect(error.description.contains("full but for the 1152921504606846976 bytes that are kept free"))
                #expect(error.description.contains("cache.min_free"))
                #expect(source.offsets.isEmpty)
                #expect(try names("\(path)/cache/ingest").isEmpty)
            }
        }
    }

    @Test("Space is counted in the blocks of the file system, in whatever size it likes to be read")
    func blocks() async throws {
        try await TemporaryDirectory.with { path async throws in
            let directory = try Directory(path: path)
            let total = clinux_total_bytes(directory.file.descriptor)
            try await withFaulty("fstatfs", on: path, code: 1 << 30) { count async throws in
                #expect(clinux_total_bytes(directory.file.descriptor) == total)
                #expect(clinux_free_bytes(directory.file.descriptor) <= total)
                #expect(count() == 2)
            }
        }
    }

    @Test("Ten minutes after room was looked for it is looked for again, whatever the wall clock was put to meanwhile")
    func clockPutBack() async throws {
        let (clock, image) = (TestClock(), SampleImage.image())
        try await TimedCache.with { timed async throws in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: "a") }
            timed.advance(hours: 10)
            try await timed.open(clock: clock, minimumFree: 1 << 60) { cache async throws in
                await #expect(throws: CacheError.self) { try await cache.add(bytes(100)) }
                _ = try await cache.remove("1", of: "a")
                timed.advance(hours: -1)
                clock.advance(by: .seconds(500))
                await #expect(throws: CacheError.self) { try await cache.add(bytes(100)) }
                #expect(try timed.stored() == image.digests)
                clock.advance(by: .seconds(100))
                await #expect(throws: CacheError.self) { try await cache.add(bytes(100)) }
                #expect(try timed.stored().isEmpty)
            }
        }
    }

    @Test("A running download reserves its bytes, and a committed one none any more")
    func reservations() async throws {
        let content = bytes(3_000_000)
        let barrier = Barrier()
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                let source = FakeSource([content], [.stall(at: 100_000, barrier)])
                let reader = try await cache.follow(blob(content), from: source)
                try await barrier.arrivals()
                #expect(try timed.count("reservations WHERE bytes = 3000000") == 1)
                barrier.open()
                try await reader.whenCommitted()
                #expect(try timed.count("reservations") == 0)
            }
        }
    }

    @Test("A temporary file of a killed run goes with the next opening, one in use stays")
    func anonymous() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { _ in }
            try write(bytes(10), to: "\(path)/ingest/anon-dead")
            try write(bytes(10), to: "\(path)/ingest/anon-alive")
            let descriptor = open("\(path)/ingest/anon-alive", O_RDONLY)
            #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
            try await ContentCache.with(configuration(path)) { _ in }
            #expect(try names("\(path)/ingest") == ["anon-alive"])
            close(descriptor)
        }
    }

    @Test("With few file descriptors downloads wait for each other instead of failing")
    func fewDescriptors() async throws {
        try await TemporaryDirectory.with { path in
            let wrapper = ["sh", "-c", "ulimit -n 40; \"$@\"", "sh"]
            let result = try await Probe.run("\(path)/cache", count: 60, size: 300_000, wrappedIn: wrapper)
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            #expect(try names("\(path)/cache/blobs/sha256").count == 60)
        }
    }

    @Test("The tags that a run used are not the first to make room")
    func use() async throws {
        let image = SampleImage.image()
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                timed.advance(hours: 5)
                let references = [try ImageReference("a:1"), try ImageReference("a:none")]
                try await cache.names.noteUse(of: references)
                let transactions = cache.transactionCount
                try await cache.names.noteUse(of: references)
                #expect(cache.transactionCount == transactions)
                #expect(try await cache.inventory.images().first?.lastUse == timed.now.value)
            }
        }
    }

    @Test("That many tags are used is noted some hundreds in a transaction")
    func useOfMany() async throws {
        let location = try RepositoryReference("a")
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                var assignments: [Names.Assignment] = []
                for number in 0..<1100 {
                    let image = SampleImage.index(of: [], annotations: ["number": "\(number)"])
                    let manifest = try Manifest(bytes: image.topBytes, contentType: nil)
                    try await cache.store(manifest, from: location)
                    assignments.append(
                        .init(location: location, tag: try TagName("\(number)"), descriptor: image.top)
                    )
                }
                _ = try await cache.names.record(assignments)
                timed.advance(hours: 5)
                let transactions = cache.transactionCount
                try await cache.names.noteUse(of: assignments.map { ImageReference(location: location, tag: $0.tag) })
                #expect(cache.transactionCount - transactions == 3)
                #expect(try await cache.inventory.images().allSatisfy { $0.lastUse == timed.now.value })
            }
        }
    }
}
