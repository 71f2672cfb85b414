import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What is said of an archive's blob whose commit the disk refuses, and what becomes of its file.
@Suite(.timeLimit(.minutes(10)))
struct FailedCommitTests {
    private let garbage = bytes(3000)
    private let content = bytes(5000)

    private var name: String { Ingest.name(blob(content).digest) }

    /// Runs a test on a cache with the file of a blob that waits for its commit.
    private func withStaged(
        hasGarbage: Bool,
        _ body: (ContentCache, StagedFile) async throws -> Void
    ) async throws {
        try await TimedCache.with { timed in
            // What is written now is not old.
            timed.now.update { $0 = Int64(time(nil)) }
            try await timed.open { cache async throws in
                if hasGarbage { try await cache.add(garbage) }
            }
            timed.advance(hours: 10)
            try await timed.open { cache async throws in
                try write(content, to: "\(timed.path)/ingest/\(name)")
                try await body(cache, try #require(try await cache.staging.leftover(name, blob(content))))
            }
        }
    }

    /// Runs a body as a user to whom a file that is read-only is closed for writing, after so many openings.
    private func asOrdinaryUser(
        _ cache: ContentCache,
        after first: Int,
        _ body: () async throws -> Void
    ) async throws {
        try await withFaulty("open", on: "\(cache.path)/ingest/\(name)", code: EACCES, after: first, times: 1) {
            _ async throws in
            try await body()
        }
    }

    @Test("Where an fsync costs the file the disk is full, also when there is room afterwards")
    func spoilt() async throws {
        try await withStaged(hasGarbage: true) { cache, staged in
            let error = try await withFaulty("fsync", on: "\(cache.path)/ingest/", code: ENOSPC, times: 1) {
                _ async throws in
                await #expect(throws: CacheError.self) { try await cache.staging.commit([staged]) }
            }
            #expect(error?.kind == .diskFull, "\(error as Any)")
            #expect(try !cache.contains(blob(garbage)))
            #expect(try names("\(cache.path)/ingest").isEmpty)
        }
    }

    @Test("A file that could not be renamed is committed when there is room, whoever may write it by then")
    func again() async throws {
        try await withStaged(hasGarbage: true) { cache, staged in
            try await withFaulty("renameat", on: "\(cache.path)/blobs/sha256", code: ENOSPC, times: 1) {
                _ async throws in
                try await asOrdinaryUser(cache, after: 1) { try await cache.staging.commit([staged]) }
            }
            #expect(try cache.contains(blob(content)) && !cache.contains(blob(garbage)))
        }
    }

    @Test("A file that cannot be renamed goes with the import that has written it", arguments: [false, true])
    func discarded(asOrdinaryUser isOrdinary: Bool) async throws {
        try await withStaged(hasGarbage: false) { cache, staged in
            let error = try await withFaulty("renameat", on: "\(cache.path)/blobs/sha256", code: ENOSPC) {
                _ async throws in
                await #expect(throws: CacheError.self) { try await cache.staging.commit([staged]) }
            }
            #expect(error?.kind == .diskFull)
            #expect(try names("\(cache.path)/ingest") == [name])
            try await asOrdinaryUser(cache, after: isOrdinary ? 0 : 9) { try cache.staging.discard(staged) }
            #expect(try names("\(cache.path)/ingest").isEmpty)
        }
    }
}
