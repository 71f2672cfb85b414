import CacheSupport
import Glibc
import OCI
import TestSupport
import Testing

@testable import Cache

/// What the cache says and leaves when the system refuses any kind of call, for any reason.
@Suite(.timeLimit(.minutes(10)))
struct RefusedCallTests {
    private static let calls = [
        "open", "read", "write", "fsync", "ftruncate", "fallocate", "fchmod", "flock", "fstat", "fstatat", "mkdir",
        "readdir", "renameat", "unlinkat",
    ]
    /// What SQLite asks of its journal and forgets the reason of when it is refused: then nothing can be relied on, whatever
    /// the reason was.
    private static let failsForGood: Set = ["open", "read", "fsync", "ftruncate"]
    /// Each reason with what its text must tell people to do.
    private static let reasons: [(code: CInt, advice: String)] = [
        (ENOSPC, "free some space"), (EDQUOT, "raise the quota"), (EIO, "check the disk"), (EROFS, "mount it writable"),
        (EMFILE, "ulimit -n"), (ENFILE, "ulimit -n"), (EACCES, "write access"), (EPERM, "write access"),
    ]
    /// How many calls of a kind go well before; each reason takes some of them, others for each call.
    private static let positions = [0, 3, 8, 12, 17, 27, 40, 51, 66, 85, 104, 120]

    private static let images = (0..<3).map { number in
        SampleImage.image(layers: [
            .init(seed: 40 + UInt64(number), size: number == 0 ? 1_100_000 : 300), .init(seed: 50, size: 400),
        ])
    }

    /// What a run of commands does to a cache, from making it to collecting in it.
    private static func use(_ path: String) async throws {
        var options = configuration(path)
        options.minimumFree = 0
        try await ContentCache.with(options) { cache async throws in
            for image in images.prefix(2) { try await NamesTests.store(image, in: cache, as: "1", of: "a") }
            try await cache.writeLayout()
        }
        try await ContentCache.with(options) { cache async throws in
            try await NamesTests.store(images[2], in: cache, as: "2", of: "a")
            try await cache.hold(images[2].all)
            _ = try await cache.names.remove("1", of: RepositoryReference("a"))
            try await cache.writeLayout()
            _ = try await cache.collect(CollectionOptions(grace: .zero))
            _ = try await cache.verify()
            _ = try await cache.inventory.overview()
            for blob in images[2].all { _ = try await cache.blob(blob)?.all() }
        }
    }

    @Test(
        "Whatever the system refuses, the text says where and what to do, and the cache works afterwards",
        arguments: calls
    )
    func refused(call: String) async throws {
        let shift = try #require(Self.calls.firstIndex(of: call))
        for (number, reason) in Self.reasons.enumerated() {
            for place in stride(from: (number + shift) % 8, to: Self.positions.count, by: 8) {
                let first = Self.positions[place] + number % 3
                let times = (number + place) % 3 == 0 ? 1 : -1
                let told = "\(call) with \(reason.code) after \(first), \(times)"
                try await TemporaryDirectory.with { directory in
                    try await Self.check(call, reason, directory, first, times, told)
                }
            }
        }
    }

    private static func check(
        _ call: String,
        _ reason: (code: CInt, advice: String),
        _ directory: String,
        _ first: Int,
        _ times: Int,
        _ told: String
    ) async throws {
        let path = "\(directory)/cache"
        let failure = try await withFaulty(call, on: path, code: reason.code, after: first, times: times) { _ in
            do {
                try await use(path)
                return (any Error)?.none
            } catch {
                return error
            }
        }
        if let failure {
            let text = "\(failure)"
            #expect(failure is CacheError, "\(told): \(text)")
            #expect(text.contains(path) || text.contains("sha256:"), "\(told): \(text)")
            // Tables are made by somebody else's code, which has rolled back before the reason can be asked for.
            let isForgotten = failsForGood.contains(call) || call == "write" && text.contains("upgrade the index")
            let isTold = text.contains(reason.advice) || isForgotten && text.contains("check the disk")
            #expect(isTold, "\(told): \(text)")
            #expect(!text.contains("another imglife") && !text.contains("another process"), "\(told): \(text)")
        }
        do {
            try await use(path)
            #expect(try names("\(path)/ingest").isEmpty, "\(told)")
            #expect(try names(path).filter { $0.hasPrefix(".") } == [], "\(told)")
        } catch let error as CacheError where error.kind == .lostNames && isIndexReplaced(path) {
            // SQLite took for damage what it could not read: which names there were since the last backup is gone, and told.
            #expect(call == "read", "\(told): \(error)")
        } catch {
            Issue.record("\(told): \(failure.map { "\($0)" } ?? "nothing"), and then: \(error)")
        }
    }

    private static func isIndexReplaced(_ path: String) -> Bool {
        let kept = try? names("\(path)/quarantine")
        return kept?.contains { $0.hasPrefix("index.sqlite.") } == true
    }

    @Test("A file system without locks is no other process", arguments: [ENOLCK, EOPNOTSUPP, ENOSYS, ESTALE])
    func cannotLock(code: CInt) async throws {
        try await TemporaryDirectory.with { directory in
            let path = "\(directory)/cache"
            try await withFaulty("flock", on: path, code: code, after: 0, times: -1) { _ in
                let error = await #expect(throws: CacheError.self) { try await Self.use(path) }
                let text = error.map { "\($0)" } ?? ""
                #expect(text.contains(path))
                #expect(text.contains(code == ESTALE ? "check the disk" : "choose a local disk with --cache-dir"))
                #expect(!text.contains("another"))
            }
        }
    }

    @Test("An interrupted call is made again", arguments: calls)
    func interrupted(call: String) async throws {
        for first in stride(from: 0, to: 120, by: 25) {
            try await TemporaryDirectory.with { directory in
                let path = "\(directory)/cache"
                // SQLite takes an interrupted fsync for a failed one.
                let part = call == "fsync" ? "\(path)/blobs" : path
                try await withFaulty(call, on: part, code: EINTR, after: first, times: 2) { _ in
                    do {
                        try await Self.use(path)
                    } catch {
                        Issue.record("\(call) after \(first): \(error)")
                    }
                }
            }
        }
    }
}
