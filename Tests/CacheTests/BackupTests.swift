import Cache
import CacheSupport
import GRDB
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct BackupTests {
    private let first = SampleImage.image(layers: [.init(seed: 901, size: 5000)])
    private let second = SampleImage.image(layers: [.init(seed: 902, size: 7000)], labels: ["a": "b"])

    private func damage(_ path: String) throws {
        try remove(path)
        try write(ByteBuffer(repeating: 0x41, count: 50_000), to: path)
    }

    private func tags(_ cache: ContentCache) async throws -> [String] {
        try await cache.names.tags(of: RepositoryReference("a")).map { "\($0.0)" }
    }

    @Test("A scope that wrote leaves a backup, one that only read does not, and three are kept")
    func kept() async throws {
        try await TimedCache.with { timed in
            for number in 1...5 {
                try await timed.open { try await NamesTests.store(first, in: $0, as: "v\(number)", of: "a") }
                try await timed.open { _ = try await tags($0) }
            }
            let expected = ["index-3.sqlite", "index-4.sqlite", "index-5.sqlite"]
            #expect(try names("\(timed.path)/backup") == expected)
        }
    }

    @Test("What has the name of a backup and a number that none has, or is a directory, is none")
    func foreignNumbers() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(first, in: $0, as: "1", of: "a") }
            for number in ["9223372036854775807", "-9223372036854775808", "-1", "99999999999999999999"] {
                try write(ByteBuffer(), to: "\(timed.path)/backup/index-\(number).sqlite")
            }
            try #require(mkdir("\(timed.path)/backup/index-99.sqlite", 0o700) == 0)
            try await timed.open { try await NamesTests.store(first, in: $0, as: "2", of: "a") }
            #expect(try names("\(timed.path)/backup").contains("index-2.sqlite"))
        }
    }

    @Test("A lost index comes back with what only it knew, and with what was written since", arguments: [false, true])
    func restored(isDamaged: Bool) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                #expect(try await cache.recovery.restoration() == nil)
            }
            let moment = timed.now.value
            timed.advance(hours: 1)
            let backup = try contents("\(timed.path)/backup/index-1.sqlite")
            try await timed.open { cache async throws in
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                try await cache.writeLayout()
            }
            for name in try names("\(timed.path)/backup") { try remove("\(timed.path)/backup/\(name)") }
            try write(backup, to: "\(timed.path)/backup/index-1.sqlite")
            if isDamaged { try damage("\(timed.path)/index.sqlite") } else { try remove("\(timed.path)/index.sqlite") }
            try await timed.open { cache async throws in
                #expect(try await tags(cache) == ["1", "2"])
                #expect(try await cache.hold(first.all + second.all) == first.digests.union(second.digests))
                let restoration = try await cache.recovery.restoration()
                #expect(restoration?.source == "index-1.sqlite")
                #expect(restoration?.lostNames == [])
            }
            // Only a backup knows that.
            #expect(try timed.count("blobs WHERE committed_at = \(moment)") == first.digests.count)
            #expect(try timed.count("blob_sources") > 0)
        }
    }

    @Test("A backup that is made while others write is whole, and nobody waits for all of it")
    func beside() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                // Some parts long.
                try timed.execute(
                    """
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
                    INSERT INTO names SELECT host, repository, 'v' || i || hex(zeroblob(60)), 1, digest, updated_at, bytes
                    FROM names, n
                    """
                )
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await cache.recovery.backUp() }
                    group.addTask {
                        for _ in 0..<20 { try await NamesTests.store(second, in: cache, as: "2", of: "b") }
                        _ = try await cache.names.remove("2", of: RepositoryReference("b"))
                    }
                    try await group.waitForAll()
                }
                try await cache.recovery.backUp()
            }
            let newest = try #require(try names("\(timed.path)/backup").last)
            let queue = try DatabaseQueue(path: "\(timed.path)/backup/\(newest)")
            defer { try? queue.close() }
            let (check, count) = try await queue.read { db in
                (
                    try String.fetchOne(db, sql: "PRAGMA integrity_check"),
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM tags")
                )
            }
            #expect(check == "ok")
            #expect(count == 40_001)
        }
    }

    @Test("A damaged backup is passed over for the one before it")
    func older() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(first, in: $0, as: "1", of: "a") }
            try await timed.open { try await NamesTests.store(second, in: $0, as: "2", of: "a") }
            let newest = try #require(try names("\(timed.path)/backup").last)
            try damage("\(timed.path)/backup/\(newest)")
            try remove("\(timed.path)/index.sqlite")
            try await timed.open { cache async throws in
                #expect(try await tags(cache) == ["1"])
                #expect(try await cache.recovery.restoration()?.source == "index-1.sqlite")
            }
        }
    }

    @Test(
        "A sound backup is not passed over because the new index could not be written, or it could not be read, for once"
    )
    func passing() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(first, in: $0, as: "1", of: "a") }
            try await timed.open { try await NamesTests.store(second, in: $0, as: "2", of: "a") }
            let newest = try #require(try names("\(timed.path)/backup").last)
            for (call, file, code) in [("write", "index.rebuild.sqlite", EIO), ("open", "backup/\(newest)", EMFILE)]
                as [(String, String, CInt)]
            {
                try remove("\(timed.path)/index.sqlite")
                await #expect(throws: CacheError.self) {
                    try await withFaulty(call, on: "\(timed.path)/\(file)", code: code) { _ async throws in
                        try await timed.open { _ in }
                    }
                }
                try await timed.open { cache async throws in
                    #expect(try await tags(cache) == ["1", "2"])
                    #expect(try await cache.recovery.restoration()?.source == newest)
                }
            }
        }
    }

    @Test("Names that cannot be restored are told")
    func lost() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            for name in try names("\(timed.path)/backup") { try remove("\(timed.path)/backup/\(name)") }
            try remove("\(timed.path)/index.sqlite")
            try remove(file(first.digest, in: timed.path))
            try await timed.open { cache async throws in
                #expect(try await tags(cache).isEmpty)
                let restoration = try #require(try await cache.recovery.restoration())
                #expect(restoration.lostNames == ["docker.io/library/a:1"])
                #expect(restoration.source == "index.json")
            }
        }
    }

    @Test("Images that nobody can name any more wait a day for a run that names them", arguments: [true, false])
    func nameless(isNamed: Bool) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            // As after a kill: the second is neither in a backup nor in index.json.
            let (layout, backups) = ("\(timed.path)/index.json", "\(timed.path)/backup")
            let (text, copies) = (try contents(layout), try names(backups))
            try await timed.open { cache async throws in
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                try await cache.writeLayout()
            }
            try remove(layout)
            try write(text, to: layout)
            for name in try names(backups) where !copies.contains(name) { try remove("\(backups)/\(name)") }
            try remove("\(timed.path)/index.sqlite")
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                #expect(try await tags(cache) == ["1"])
                #expect(try await cache.recovery.lacksNames())
                timed.advance(hours: 23)
                let error = await #expect(throws: CacheError.self) { try await cache.collect() }
                #expect(error?.kind == .lostNames)
                guard isNamed else {
                    timed.advance(hours: 2)
                    return #expect(try await cache.collect().blobs == second.blobs.count + second.manifests.count)
                }
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                try await cache.recovery.noteCompleteRun()
                #expect(try await cache.collect().blobs == 0)
            }
        }
    }

    @Test("A journal that a lost index left behind is not played back into the new one")
    func journal() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(first, in: $0, as: "1", of: "a") }
            try remove("\(timed.path)/index.sqlite")
            try write(bytes(4096), to: "\(timed.path)/index.sqlite-journal")
            try await timed.open { cache async throws in #expect(try await tags(cache) == ["1"]) }
            #expect(try names("\(timed.path)/quarantine").contains { $0.hasPrefix("index.sqlite-journal.") })
        }
    }

    @Test(
        "Killed at any step of restoring, the next opening comes to the same state",
        .requires(.tool("strace")),
        arguments: ["renameat", "unlinkat", "fsync", "fdatasync", "openat", "pwrite64"]
    )
    func killed(call: String) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                try await cache.writeLayout()
            }
            try damage("\(timed.path)/index.sqlite")
            try await TemporaryDirectory.with { path in
                let expected = try await reopened(timed.path, as: "\(path)/whole", killedAt: nil)
                var position = 1
                var kills = 0
                // Every step where they are few, ever fewer where they are many.
                while let state = try await reopened(timed.path, as: "\(path)/\(position)", killedAt: (call, position))
                {
                    #expect(state == expected, "\(call) \(position)")
                    kills += 1
                    position += max(1, position / 4)
                }
                #expect(kills > 0)
            }
        }
    }

    /// Opens a copy of a cache with a process that is killed at its n-th system call of a kind, and then as usual.
    ///
    /// - Returns: what is in the index then; `nil` when it was over before.
    private func reopened(_ origin: String, as path: String, killedAt: (String, Int)?) async throws -> [String]? {
        try #require(await Tool.run("cp", ["-a", origin, path]).status == 0)
        if let (call, position) = killedAt {
            guard try await Probe.isKilled(at: call, position, opening: path) else { return nil }
        }
        let copy = TimedCache(path: path)
        try await copy.open { _ in }
        let columns = [
            "hex(digest) || size || state FROM blobs", "hex(digest) || media_type FROM manifests",
            "hex(parent) || kind || position || hex(child) FROM edges", "host || repository || tag FROM tags",
            "hex(digest) || host FROM blob_sources", "lease FROM lease_items",
        ]
        return try columns.flatMap { try copy.rows("SELECT \($0)") }
    }
}

extension TimedCache {
    /// The first column of a query's rows, sorted.
    func rows(_ sql: String) throws -> [String] {
        let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
        defer { try? queue.close() }
        return try queue.read { try String.fetchAll($0, sql: sql) }.sorted()
    }
}
