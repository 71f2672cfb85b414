import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// A disk or a quota that is full when a command begins.
@Suite(.timeLimit(.minutes(10)))
struct FullDiskTests {
    private static let partial = Digest.of(bytes(5)).description.replacing(":", with: "-")

    @Test("What is in a cache can be looked at, also after a run that died", arguments: [ENOSPC, EDQUOT])
    func looking(code: CInt) async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { try await $0.add(bytes(3000)) }
            try timed.execute("INSERT INTO leases VALUES ('1-dead')")
            try await withFaulty("write", on: "\(timed.path)/index.sqlite", code: code) { _ async throws in
                try await timed.open { cache async throws in
                    #expect(try await cache.inventory.usage().blobs == 1)
                    try await cache.verification.note(blobs: 1, bad: 0, isWhole: true)
                    #expect(try await cache.verification.lastResult() == nil)
                }
            }
            try await timed.open { _ in }
            #expect(try timed.count("leases") == 0)
        }
    }

    @Test("Where partial downloads are all that is in the way, a collection makes room before it writes the index")
    func partials() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { try await $0.add(bytes(3000)) }
            let partial = "\(timed.path)/ingest/\(Self.partial)"
            try await timed.open { cache async throws in
                try write(bytes(3), to: partial)
                try timed.execute("INSERT INTO leases VALUES ('1-dead')")
                try await withFaulty("write", on: "\(timed.path)/index.sqlite", code: ENOSPC) { _ async throws in
                    let error = await #expect(throws: CacheError.self) {
                        try await cache.collect(CollectionOptions(grace: .zero))
                    }
                    #expect(error?.kind == .diskFull && error?.reason.contains("cache gc") == false)
                }
                #expect(!exists(partial))
            }
        }
    }

    @Test("Whatever is to be written first on a full disk, garbage makes room for it", arguments: FirstWrite.allCases)
    func collected(_ first: FirstWrite) async throws {
        let (garbage, image) = (bytes(3000), SampleImage.image())
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await cache.add(garbage)
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
            }
            timed.advance(hours: 10)
            try await timed.open { cache async throws in
                try await withFaulty("write", on: "\(timed.path)/index.sqlite", code: ENOSPC, times: 1) {
                    _ async throws in
                    try await first.run(cache, image, timed.now.value)
                }
                #expect(try !cache.contains(blob(garbage)))
            }
        }
    }

    enum FirstWrite: CaseIterable {
        case held
        case named
        case manifest
        case adopted
        case imported

        func run(_ cache: ContentCache, _ image: SampleImage, _ now: Int64) async throws {
            let other = bytes(20)
            switch self {
            case .held: #expect(try await cache.hold(image.all) == image.digests)
            case .named: try await NamesTests.store(image, in: cache, as: "2", of: "a")
            case .manifest:
                let part = SampleImage.image(labels: ["a": "b"]).manifests[0]
                let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
                try await cache.store(manifest, from: nil)
            case .adopted:
                try write(other, to: file(blob(other).digest, in: cache.path))
                try cache.store.directory.root.setModified("blobs/sha256/\(blob(other).digest.hex)", to: now)
                #expect(try await cache.blobs.adopt([blob(other)]) == [blob(other).digest])
            case .imported: try await cache.staging.reserveRoom(for: [(blob(other).digest, 20)])
            }
        }
    }

    @Test("Where a collection frees nothing, or cannot be written either, the disk is full, and one is begun only once")
    func nothingFreed() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { try await $0.add(bytes(3000)) }
            for hours: Int64 in [0, 10] {
                timed.advance(hours: hours)
                try await timed.open { cache async throws in
                    let attempt = {
                        let error = await #expect(throws: CacheError.self) {
                            try await cache.hold([blob(bytes(3000))])
                        }
                        #expect(error?.kind == .diskFull)
                    }
                    try await withFaulty("write", on: "\(timed.path)/index.sqlite", code: ENOSPC) {
                        count async throws in
                        await attempt()
                        let writes = count()
                        await attempt()
                        #expect(count() == writes + 1)
                    }
                    #expect(try cache.contains(blob(bytes(3000))))
                }
            }
        }
    }

    @Test("What a collection needs is set aside before anything is downloaded")
    func ballast() async throws {
        try await TemporaryDirectory.with { path in
            var configuration = configuration("\(path)/cache")
            configuration.minimumFree = 0
            let content = bytes(5000)
            try await withFaulty("fallocate", on: "\(path)/cache/ballast", code: EDQUOT) { _ async throws in
                try await ContentCache.with(configuration) { cache async throws in
                    let source = FakeSource([content])
                    let reader = try await cache.follow(blob(content), from: source)
                    let error = await #expect(throws: CacheError.self) { try await reader.whenCommitted() }
                    #expect(error?.kind == .diskFull && error?.reason.contains("raise the quota") == true)
                    #expect(source.offsets.isEmpty)
                }
            }
            try await ContentCache.with(configuration) { try await $0.add(content) }
        }
    }

    @Test("What is set aside for a collection is set aside again in a cache that was copied")
    func copiedBallast() async throws {
        try await TemporaryDirectory.with { path in
            var configuration = configuration("\(path)/cache")
            configuration.minimumFree = 0
            let ballast = { try Directory(path: "\(path)/cache").status("ballast") }
            try await ContentCache.with(configuration) { _ in }
            let made = try #require(try ballast())
            try remove("\(path)/cache/ballast")
            try write(ByteBuffer(), to: "\(path)/cache/ballast")
            let directory = try StoreDirectory(path: "\(path)/cache")
            #expect(Ballast(directory, isInUse: true, logger: configuration.logger).giveUp() == .exhausted)
            try await ContentCache.with(configuration) { _ in }
            #expect(try ballast()?.allocated == made.allocated)
            #expect(made.allocated >= 1 << 20)
            #expect(Ballast(directory, isInUse: false, logger: configuration.logger).giveUp() == .reserved)
            #expect(Ballast(directory, isInUse: true, logger: configuration.logger).giveUp() == .given)
            #expect(try ballast() == nil)
        }
    }

    @Test("What is set aside is for who makes room alone, and is set aside again afterwards")
    func reservedBallast() async throws {
        let content = bytes(3000)
        try await TemporaryDirectory.with { directory in
            let path = "\(directory)/cache"
            let index = "\(path)/index.sqlite"
            let ballast = { try #require(try Directory(path: path).status("ballast")) }
            try await ContentCache.with(configuration(path)) { cache async throws in
                try await cache.add(content)
                let made = try ballast()
                try await withFaulty("write", on: index, code: ENOSPC, times: 1) { _ async throws in
                    let error = await #expect(throws: CacheError.self) {
                        try await cache.names.touch([blob(content).digest])
                    }
                    #expect(error?.kind == .diskFull && error?.reason.contains("backup/") == true)
                }
                #expect(try ballast().version == made.version)
                let report = try await withFaulty("write", on: index, code: ENOSPC, times: 1) { _ async throws in
                    try await cache.collect(CollectionOptions(grace: .zero))
                }
                #expect(report.blobs == 1)
                #expect(try ballast().version != made.version)
                #expect(try ballast().allocated >= 1 << 20)
            }
            let made = try ballast()
            var configuration = configuration(path)
            configuration.makesRoom = true
            try await ContentCache.with(configuration) { cache async throws in
                try await withFaulty("write", on: index, code: ENOSPC, times: 1) { _ async throws in
                    #expect(try await !cache.names.remove("1", of: RepositoryReference("a")))
                }
            }
            #expect(try ballast().version != made.version)
        }
    }

    @Test("Where nothing is set aside any more, a collection has the room of old backups, and leaves the newest")
    func backups() async throws {
        try await TemporaryDirectory.with { directory in
            let path = "\(directory)/cache"
            for size in 1...3 {
                try await ContentCache.with(configuration(path)) { try await $0.add(bytes(size)) }
            }
            let newest = try #require(try names("\(path)/backup").last)
            #expect(try names("\(path)/backup").count == 3)
            try remove("\(path)/ballast")
            try await withFaulty("fallocate", on: "\(path)/ballast", code: ENOSPC) { _ async throws in
                try await ContentCache.with(configuration(path)) { cache async throws in
                    try await withFaulty("write", on: "\(path)/index.sqlite", code: ENOSPC, times: 1) {
                        _ async throws in
                        #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 3)
                    }
                    #expect(try names("\(path)/backup") == [newest])
                }
            }
        }
    }

    @Test("Where no more files may be made, a collection needs none", arguments: [ENOSPC, EDQUOT])
    func files(code: CInt) async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await cache.add(bytes(3000))
                try write(bytes(3), to: "\(timed.path)/ingest/\(Self.partial)")
                let lock = "\(timed.path)/locks/import"
                try await withFaulty("open", on: lock, code: code) { _ async throws in
                    let report = try await cache.collect(CollectionOptions(grace: .zero))
                    #expect(report.partials == 1)
                }
            }
        }
    }
}
