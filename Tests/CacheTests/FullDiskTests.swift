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
                    await #expect(throws: CacheError.self) { try await cache.collect(CollectionOptions(grace: .zero)) }
                }
                #expect(!exists(partial))
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
            #expect(try !FreeSpace.dropBallast(in: Directory(path: "\(path)/cache")))
            try await ContentCache.with(configuration) { _ in }
            #expect(try ballast()?.allocated == made.allocated)
            #expect(made.allocated >= 1 << 20)
            #expect(try FreeSpace.dropBallast(in: Directory(path: "\(path)/cache")))
            #expect(try ballast() == nil)
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
