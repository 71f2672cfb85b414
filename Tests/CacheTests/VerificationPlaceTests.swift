import Cache
import CacheSupport
import Glibc
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct VerificationPlaceTests {
    private func fill(_ cache: ContentCache, _ count: Int, size: Int = 2000) async throws -> Set<Digest> {
        let contents = (0..<count).map { bytes(size, seed: UInt64($0 + 900)) }
        for content in contents { try await cache.add(content) }
        return Set(contents.map { blob($0).digest })
    }

    private func spoil(_ digest: Digest, in path: String) throws {
        var rotten = try contents(file(digest, in: path))
        rotten.flipByte(at: 0)
        try remove(file(digest, in: path))
        try write(rotten, to: file(digest, in: path))
    }

    /// Cancels a verification that has found some blobs right.
    private func interrupt(_ cache: ContentCache) async {
        let progress = VerificationProgress()
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await cache.verify(progress: progress) }
                while progress.snapshot.blobs < 3 { await Task.yield() }
                group.cancelAll()
                try await group.next()
            }
        }
    }

    @Test("Out of time it stops, and the next verification does the rest")
    func duration() async throws {
        try await withCache { cache, path in
            let digests = try await fill(cache, 10).sorted()
            let first = try await cache.verify(VerificationOptions(maximumDuration: .zero))
            #expect(first.stop == .duration)
            #expect(first.blobs == 0)
            let rest = try await cache.verify()
            #expect(rest.stop == nil)
            #expect(rest.blobs + rest.skipped == digests.count)
            // It came to the end, so the next one begins again.
            #expect(try await cache.verify().blobs == digests.count)
        }
    }

    @Test("Interrupted in the middle it leaves out what was found right since it began")
    func interrupted() async throws {
        try await TimedCache.with { timed in
            let digests = try await timed.open { try await fill($0, 10) }.sorted()
            timed.advance(hours: 1)
            let interrupt = """
                UPDATE blobs SET verified_at = used_at; UPDATE blobs SET verified_at = verified_at + 3600 WHERE digest IN
                (SELECT digest FROM blobs ORDER BY size, digest LIMIT 4);
                INSERT INTO meta SELECT 'verifying since', used_at + 3600 FROM blobs LIMIT 1
                """
            try timed.execute(interrupt)
            try await timed.open { cache async throws in
                let again = try await cache.verify(VerificationOptions(maximumDuration: .zero))
                #expect(again.skipped == 4)
                let rest = try await cache.verify()
                #expect(rest.skipped == 4 && rest.blobs == 6)
                #expect(try await cache.verify().skipped == 0)
            }
            try timed.execute(interrupt)
            try await timed.open { cache async throws in
                #expect(try await cache.verify(VerificationOptions(startsOver: true)).blobs == digests.count)
                #expect(try await cache.verify().skipped == 0)
            }
        }
    }

    @Test("A time to come proves nothing: the clock was wrong when the blob was looked at")
    func future() async throws {
        try await TimedCache.with { timed in
            _ = try await timed.open { try await fill($0, 3) }
            try timed.execute("UPDATE blobs SET verified_at = used_at + 50000")
            try timed.execute("INSERT INTO meta SELECT 'verifying since', used_at FROM blobs LIMIT 1")
            try await timed.open { cache async throws in
                let report = try await cache.verify()
                #expect(report.skipped == 0 && report.blobs == 3)
            }
        }
    }

    @Test("One that was begun while the clock was ahead begins anew, and goes on from there")
    func begunAhead() async throws {
        try await TimedCache.with { timed in
            _ = try await timed.open { try await fill($0, 40, size: 3_000_000) }
            try timed.execute("INSERT INTO meta SELECT 'verifying since', used_at + 50000 FROM blobs LIMIT 1")
            timed.advance(hours: 1)
            try await timed.open { cache async throws in
                await interrupt(cache)
                #expect(try await cache.verify().skipped >= 1)
            }
        }
    }

    @Test("A verification that is cancelled ends soon, and its place is kept")
    func cancelled() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                _ = try await fill(cache, 40, size: 3_000_000)
                timed.advance(hours: 1)
                await interrupt(cache)
                let rest = try await cache.verify()
                #expect(rest.skipped >= 1 && rest.skipped + rest.blobs == 40)
            }
        }
    }

    @Test("The parts together are the whole, and a bad blob is found in just one of them")
    func subsets() async throws {
        try await withCache { cache, path in
            let digests = try await fill(cache, 30)
            let rotten = try #require(digests.min())
            try spoil(rotten, in: path)
            var blobs = 0
            var found: [Digest] = []
            for number in 1...4 {
                let subset = VerificationOptions.Subset(number, of: 4)
                let report = try await cache.verify(VerificationOptions(subset: subset))
                blobs += report.blobs
                found += report.findings.map(\.digest)
            }
            #expect(blobs == digests.count)
            #expect(found == [rotten])
        }
        #expect(VerificationOptions.Subset(0, of: 4) == nil)
        #expect(VerificationOptions.Subset(5, of: 4) == nil)
    }

    @Test("What was right is noted with its time")
    func verifiedAt() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                _ = try await fill(cache, 5)
                timed.advance(hours: 5)
                _ = try await cache.verify()
            }
            #expect(try timed.count("blobs WHERE verified_at = used_at + 5 * 3600") == 5)
        }
    }

    @Test("A part of a tag's image that has no row at all is told as missing")
    func unrecorded() async throws {
        let image = SampleImage.image(layers: [.init(seed: 801, size: 50_000)])
        let layer = try #require(image.blobs.first { $0.descriptor.size == 50_000 }).descriptor.digest
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "1", of: "a") }
            try timed.execute("DELETE FROM blobs WHERE size = 50000")
            try remove(file(layer, in: timed.path))
            try await timed.open { cache async throws in
                let report = try await cache.verify()
                #expect(report.findings.map(\.digest) == [layer])
                #expect(report.findings.first?.affected.map(\.description) == ["docker.io/library/a:1"])
                #expect(try await cache.verification.missing([layer]).first?.descriptor.size == 50_000)
            }
        }
    }

    @Test(
        "A file that the disk does not give back is put aside, in whatever words it says so, and holds nothing else up",
        arguments: [EIO, EUCLEAN, EBADMSG]
    )
    func unreadable(code: CInt) async throws {
        let lost = bytes(3000, seed: 70)
        try await TimedCache.with { timed in
            try await withFaulty("read", on: file(blob(lost).digest, in: timed.path), code: code) { _ async throws in
                for isVerified in [true, false] {
                    try await timed.open { cache async throws in
                        _ = try await fill(cache, 3)
                        try await cache.add(lost)
                        if isVerified {
                            let report = try await cache.verify()
                            #expect(report.findings.map(\.fault) == [.unreadable] && report.stop == nil)
                        } else {
                            let reader = try #require(try cache.blob(blob(lost)))
                            #expect(try reader.committedFile?.readUnlessLost(at: 0, atMost: 10) == nil)
                            let error = await #expect(throws: CacheError.self) { _ = try await reader.all() }
                            #expect(error?.kind == .corrupt)
                        }
                        #expect(try !timed.stored().contains(blob(lost).digest))
                        #expect(try timed.stored().count == 3)
                    }
                }
            }
            #expect(CacheError(SystemError(call: "pread", code: code), "read").reason.contains("check the disk"))
        }
    }
}
