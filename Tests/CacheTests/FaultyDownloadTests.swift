import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(10)))
struct FaultyDownloadTests {
    @Test("A download that ended without success holds no space: no reservation, and no blocks behind what it has")
    func reserve() async throws {
        let content = bytes(8_000_000)
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                let source = FakeSource([content], [.fail(at: 1_000_000)])
                await #expect(throws: FakeSource.Failure.self) {
                    try await cache.follow(blob(content), from: source).whenCommitted()
                }
                #expect(try timed.count("reservations") == 0)
                #expect(try allocated(partial(blob(content).digest, in: timed.path)) < 1_500_000)
                #expect(try await cache.follow(blob(content), from: source).all() == content)
                #expect(source.offsets == [0, 1_000_000])
            }
        }
    }

    @Test("What a killed process had set aside is given back by the next opening, and the rest is used")
    func killed() async throws {
        let content = bytes(8_000_000)
        try await TimedCache.with { timed in
            timed.now.update { $0 = Int64(time(nil)) }
            try await timed.open { _ in }
            let name = partial(blob(content).digest, in: timed.path)
            try write(#require(content.getSlice(at: 0, length: 1_000_000)), to: name)
            try Directory(path: timed.path + "/ingest").openFile("sha256-\(blob(content).digest.hex)", flags: O_RDWR)
                .reserve(8_000_000)
            try #require(allocated(name) >= 8_000_000)
            let before = try Directory(path: timed.path + "/ingest").status("sha256-\(blob(content).digest.hex)")
            try await timed.open { cache async throws in
                #expect(try allocated(name) < 1_500_000)
                let after = try Directory(path: timed.path + "/ingest").status("sha256-\(blob(content).digest.hex)")
                #expect(before?.modifiedAt == after?.modifiedAt)
                #expect(try await cache.follow(blob(content), from: FakeSource([content])).all() == content)
                #expect(cache.statistics.resumedBytes == 1_000_000)
            }
        }
    }

    private func allocated(_ path: String) throws -> Int64 {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return Int64(status.st_blocks) * 512
    }

    @Test("A partial that cannot be emptied after wrong bytes ends the download instead of repeating it for ever")
    func truncation() async throws {
        let content = bytes(100_000)
        try await withCache { cache, path async throws in
            try write(bytes(50_000, seed: 9), to: partial(blob(content).digest, in: path))
            let source = FakeSource([content])
            try await withFaulty("ftruncate", on: "\(path)/ingest", code: EPERM) { _ in
                await #expect(throws: CacheError.self) {
                    try await cache.follow(blob(content), from: source).whenCommitted()
                }
            }
            #expect(source.offsets == [50_000])
        }
    }

    @Test("An fsync that lasts longer than the lock timeout is no standstill to another process")
    func longSync() async throws {
        let content = bytes(200_000)
        try await TemporaryDirectory.with { path in
            let (pulse, poll) = (ManualClock(), ManualClock())
            var slow = configuration(path)
            slow.pulse = pulse
            try await ContentCache.with(slow) { one in
                try await ContentCache.with(configuration(path, clock: poll)) { other in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        let reader = try await withFaulty("fsync", on: "\(path)/ingest/sha256-") { count in
                            let writer = try await one.follow(blob(content), from: FakeSource([content]))
                            while count() == 0 { await Task.yield() }
                            group.addTask { try await writer.whenCommitted() }
                            let reader = try await other.follow(blob(content), from: FakeSource([content]))
                            for _ in 0..<80 {
                                try await pulse.waitForSleepers()
                                pulse.advance(by: .seconds(1))
                                for _ in 0..<10 {
                                    try await poll.waitForSleepers()
                                    poll.advance(by: .milliseconds(100))
                                }
                            }
                            return reader
                        }
                        try await group.waitForAll()
                        try await poll.waitForSleepers()
                        poll.advance(by: .milliseconds(100))
                        #expect(try await reader.all() == content)
                    }
                }
            }
        }
    }

    @Test("Who meets a blob that is renamed and not recorded waits for its commit as long as that gives signs of life")
    func longDirectorySync() async throws {
        let content = bytes(100)
        let digest = blob(content).digest
        try await TemporaryDirectory.with { path in
            let (pulse, poll) = (ManualClock(), ManualClock())
            var slow = configuration(path)
            slow.pulse = pulse
            try await ContentCache.with(slow) { one in
                try await ContentCache.with(configuration(path, clock: poll)) { other in
                    let ingest = try Ingest.anonymous(in: one.store)
                    try ingest.file.write(content, at: 0)
                    try await withThrowingTaskGroup(of: Bool.self) { group in
                        try await withFaulty("fsync", on: "\(path)/blobs/sha256") { count in
                            group.addTask {
                                defer { ingest.file.unlock() }
                                return try await one.store.commits.commit(PendingCommit(blob(content), ingest))
                            }
                            while count() == 0 { await Task.yield() }
                            group.addTask { try await other.hold([blob(content)]) == [digest] }
                            for _ in 0..<80 {
                                let earlier = try ingest.file.status().version
                                try await pulse.waitForSleepers()
                                pulse.advance(by: .seconds(1))
                                while try ingest.file.status().version == earlier { await Task.yield() }
                                for _ in 0..<10 {
                                    try await poll.waitForSleepers()
                                    poll.advance(by: .milliseconds(100))
                                }
                            }
                            try await poll.waitForSleepers()
                        }
                        #expect(try await group.next() == true)
                        poll.advance(by: .milliseconds(100))
                        #expect(try await group.next() == true)
                    }
                }
            }
        }
    }

    @Test("Who asked for a commit first and is cancelled does not fail the others")
    func cancelledLeader() async throws {
        let content = bytes(100)
        try await withCache { cache, _ async throws in
            let digest = blob(content).digest
            let lock = try await cache.store.locks.acquire(StoreLocks.shard(digest), .exclusive)
            let ingest = try Ingest.anonymous(in: cache.store)
            try ingest.file.write(content, at: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await cache.store.commits.commit(PendingCommit(blob(content), ingest))
                }
                for _ in 0..<50 { await Task.yield() }
                lock.unlock()
                try await group.waitForAll()
            }
            ingest.file.unlock()
            #expect(try await cache.hold([blob(content)]) == [digest])
        }
    }

    @Test("A damaged blob is put aside however long its shard is worked on, and repair is never told otherwise")
    func quarantined() async throws {
        let content = bytes(5000)
        try await TimedCache.with { timed in
            try await timed.open(clock: ContinuousClock()) { cache async throws in
                try await cache.add(content)
                let path = file(blob(content).digest, in: timed.path)
                var rotten = content
                rotten.flipByte(at: 3)
                try write(rotten, to: path)
                let lock = try await cache.store.locks.acquire(StoreLocks.shard(blob(content).digest), .exclusive)
                try await withThrowingTaskGroup(of: VerificationReport.self) { group in
                    group.addTask { try await cache.verify() }
                    try await Task.sleep(for: .milliseconds(400))
                    #expect(exists(path))
                    lock.unlock()
                    #expect(try await group.next()?.findings.map(\.fault) == [.damaged])
                }
                #expect(!exists(path))
            }
        }
    }

    @Test("A damaged blob that cannot be put aside is told as what still is in its place")
    func stuck() async throws {
        let content = bytes(5000)
        try await TemporaryDirectory.with { path in
            var impatient = configuration(path)
            impatient.lockTimeout = .milliseconds(50)
            try await ContentCache.with(impatient) { cache async throws in
                try await cache.add(content)
                var rotten = content
                rotten.flipByte(at: 3)
                try write(rotten, to: file(blob(content).digest, in: path))
                let lock = try await cache.store.locks.acquire(StoreLocks.shard(blob(content).digest), .exclusive)
                let findings = try await cache.verify().findings
                #expect(findings.map(\.fault) == [.damaged] && findings.map(\.isInPlace) == [true])
                lock.unlock()
            }
        }
    }

    @Test("An empty blob is in the cache when following it returns")
    func empty() async throws {
        for _ in 0..<50 {
            try await withCache { cache, _ async throws in
                _ = try await cache.follow(blob(ByteBuffer()), from: FakeSource([ByteBuffer()]))
                #expect(try cache.contains(blob(ByteBuffer())))
                #expect(try await cache.hold([blob(ByteBuffer())]).count == 1)
            }
        }
    }

    @Test("While another process makes room the disk is full, not the cache in use")
    func room() async throws {
        try await TemporaryDirectory.with { path in
            var full = configuration(path)
            full.minimumFree = 1 << 60
            try await ContentCache.with(full) { cache async throws in
                let lock = try await cache.store.locks.acquire("room", .exclusive)
                let content = bytes(200_000)
                let reader = try await cache.follow(blob(content), from: FakeSource([content]))
                let error = await #expect(throws: CacheError.self) { try await reader.whenCommitted() }
                #expect(error?.kind == .diskFull)
                lock.unlock()
            }
        }
    }
}
