import CacheSupport
import Glibc
import OCI
import TestSupport
import Testing

@testable import Cache

/// An index that is to be made again, or brought up to date, on a disk that is full.
@Suite(.timeLimit(.minutes(10)))
struct FullDiskRepairTests {
    private static let image = SampleImage.image()

    private static func ballast(_ path: String) throws -> FileStatus {
        try #require(try Directory(path: path).status("ballast"))
    }

    /// Runs a test on a cache with three backups whose index is lost.
    private static func withLostIndex(_ body: (TimedCache) async throws -> Void) async throws {
        try await TimedCache.with { timed async throws in
            for tag in ["1", "2", "3"] {
                try await timed.open { try await NamesTests.store(image, in: $0, as: tag, of: "a") }
            }
            try remove("\(timed.path)/index.sqlite")
            try await body(timed)
        }
    }

    private static func tags(_ timed: TimedCache) async throws -> [String] {
        try await timed.open { cache async throws in
            try await cache.names.tags(of: RepositoryReference("a")).map { "\($0.0)" }
        }
    }

    @Test("A lost index is restored with what is set aside, which is set aside again", arguments: 0...2)
    func restored(writes: Int) async throws {
        try await Self.withLostIndex { timed in
            let made = try Self.ballast(timed.path)
            let scratch = "\(timed.path)/index.rebuild.sqlite"
            try await withFaulty("write", on: scratch, code: ENOSPC, after: writes * 20, times: 1) { _ async throws in
                #expect(try await Self.tags(timed) == ["1", "2", "3"])
            }
            #expect(try Self.ballast(timed.path).version != made.version)
            #expect(try names("\(timed.path)/backup").count == 3)
        }
    }

    @Test("Where nothing is set aside the backups that are older than the one in use give their room, and no other")
    func olderBackups() async throws {
        try await Self.withLostIndex { timed in
            let backups = try names("\(timed.path)/backup")
            try remove("\(timed.path)/backup/\(backups[2])")
            try write(bytes(5000), to: "\(timed.path)/backup/\(backups[2])")
            try remove("\(timed.path)/ballast")
            let scratch = "\(timed.path)/index.rebuild.sqlite"
            try await withFaulty("write", on: scratch, code: ENOSPC, times: 1) { _ async throws in
                #expect(try await Self.tags(timed) == ["1", "2"])
            }
            #expect(try names("\(timed.path)/backup") == Array(backups.dropFirst()))
        }
    }

    @Test("Where there is no room at all the newest backup is neither given up nor called bad")
    func noRoom() async throws {
        try await Self.withLostIndex { timed in
            let newest = try #require(try names("\(timed.path)/backup").last)
            let scratch = "\(timed.path)/index.rebuild.sqlite"
            try await withFaulty("write", on: scratch, code: ENOSPC) { _ async throws in
                let error = await #expect(throws: CacheError.self) { try await timed.open { _ in } }
                #expect(error?.kind == .diskFull)
                for text in ["backup/,", "cache gc", "unusable"] { #expect(error?.reason.contains(text) == false) }
            }
            #expect(!exists(scratch))
            #expect(try Self.ballast(timed.path).allocated >= 1 << 20)
            #expect(try names("\(timed.path)/backup") == [newest])
            #expect(try await Self.tags(timed) == ["1", "2", "3"])
        }
    }

    @Test("An index of an earlier version is brought up to date with what is set aside, whoever opens the cache")
    func upgraded() async throws {
        try await FormerCacheTests.withCopy { path async throws in
            let configuration = configuration(path)
            try Ballast(StoreDirectory(path: path), isInUse: false, logger: configuration.logger).lay()
            let made = try Self.ballast(path)
            try await withFaulty("write", on: "\(path)/index.sqlite", code: ENOSPC, times: 1) { _ async throws in
                try await ContentCache.with(configuration) { cache async throws in
                    #expect(try await !cache.names.locations().isEmpty)
                }
            }
            #expect(try Self.ballast(path).version != made.version)
        }
    }
}
