import Glibc
import OCI
import TestSupport
import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(10)))
struct StoreHealthTests {
    private func failure(_ code: CInt, _ kind: CacheError.Kind = .inputOutput) -> CacheError {
        CacheError(kind, "test", code: code, "text")
    }

    @Test("A failed write or a damaged index ends the use of the cache; a full disk does not")
    func writes() throws {
        let health = StoreHealth()
        health.note(failure(ENOSPC, .diskFull))
        try health.check()
        health.note(failure(EIO))
        health.note(failure(0, .damagedIndex))
        let error = try #require(throws: CacheError.self) { try health.check() }
        #expect(error.code == EIO)
        let other = StoreHealth()
        other.note(failure(0, .damagedIndex))
        #expect(other.isFailed)
    }

    @Test("Three different files that cannot be read end it; one file three times does not")
    func reads() throws {
        let digests = try (1...3).map { try Digest("sha256:" + String(repeating: "\($0)", count: 64)) }
        let health = StoreHealth()
        for _ in 1...3 { health.noteUnreadable(digests[0], failure(EIO)) }
        health.noteUnreadable(digests[1], failure(EIO))
        try health.check()
        health.noteUnreadable(digests[2], failure(EIO))
        #expect(health.isFailed)
    }

    @Test("What readers were cut off for is known for half a minute; what came of the source is not")
    func cutOff() {
        let clock = TestClock()
        let health = StoreHealth(clock: clock)
        health.noteCutOff(failure(0, .digestMismatch))
        #expect(health.recentCutOff == nil)
        health.noteCutOff(failure(EDQUOT, .diskFull))
        clock.advance(by: .seconds(29))
        #expect(health.recentCutOff?.code == EDQUOT)
        clock.advance(by: .seconds(1))
        #expect(health.recentCutOff == nil)
        #expect(!health.isFailed)
    }

    @Test("What is there anew counts no longer, nor what could not be read long ago")
    func healed() throws {
        let digests = try (1...4).map { try Digest("sha256:" + String(repeating: "\($0)", count: 64)) }
        let clock = TestClock()
        let health = StoreHealth(clock: clock)
        for digest in digests[..<2] { health.noteUnreadable(digest, failure(EIO)) }
        health.noteCommitted([digests[0], digests[3]])
        health.noteUnreadable(digests[2], failure(EIO))
        try health.check()
        clock.advance(by: .seconds(3600))
        for digest in digests[..<2] { health.noteUnreadable(digest, failure(EIO)) }
        try health.check()
        health.noteUnreadable(digests[3], failure(EIO))
        #expect(health.isFailed)
    }

    /// A cache whose parts are replaced while it is open, and which is not written to.
    private func givenUp(because text: String, _ replace: (String) async throws -> Void) async throws {
        try await TemporaryDirectory.with { path async throws in
            let pulse = ManualClock()
            var configuration = CacheConfiguration(directory: "\(path)/cache")
            configuration.pulse = pulse
            try await ContentCache.with(configuration) { cache async throws in
                async let failure = cache.failure()
                try await pulse.waitForSleepers()
                pulse.advance(by: .seconds(5))
                try await pulse.waitForSleepers()
                try cache.checkUsable()
                try await replace(path)
                pulse.advance(by: .seconds(5))
                #expect("\(try #require(await failure))".contains("\(text) was removed or replaced"))
                #expect(throws: CacheError.self) { try cache.checkUsable() }
            }
        }
    }

    @Test("A cache whose directory is removed or replaced is given up", arguments: [true, false])
    func replaced(isMadeAnew: Bool) async throws {
        try await givenUp(because: "its directory") { path async throws in
            #expect(rename("\(path)/cache", "\(path)/old") == 0)
            if isMadeAnew {
                #expect(mkdir("\(path)/cache", 0o755) == 0)
            } else {
                #expect(rename("\(path)/old", "\(path)/cache") == 0)
                try await Tool.check("rm", ["-r", "\(path)/cache"])
            }
        }
    }

    @Test("So is one whose index is, although nothing is written", arguments: [true, false])
    func replacedIndex(isMadeAnew: Bool) async throws {
        try await givenUp(because: "its index") { path async throws in
            let index = "\(path)/cache/index.sqlite"
            if isMadeAnew { try Files.write(Files.read(index), to: "\(path)/new") }
            try Files.remove(index)
            if isMadeAnew { #expect(rename("\(path)/new", index) == 0) }
        }
    }

    @Test("The holder of a lock is found in the system's table")
    func holder() async throws {
        let table = """
            1: POSIX  ADVISORY  READ  10 fd:00:77 0 EOF
            2: FLOCK  ADVISORY  WRITE 11 fd:01:77 0 EOF
            3: FLOCK  ADVISORY  WRITE 12 fd:00:78 0 EOF
            3: -> FLOCK  ADVISORY  WRITE 14 fd:00:77 0 EOF
            4: FLOCK  ADVISORY  WRITE 13 fd:00:77 0 EOF
            5: POSIX  ADVISORY  WRITE 15 fd:00:77 1073741825 1073741825
            """
        #expect(LockHolder.find(.whole, in: table, device: 0xFD00, inode: 77)?.process == 13)
        #expect(LockHolder.find(.whole, in: table, device: 0xFD00, inode: 79) == nil)
        #expect(LockHolder.find(.ranges, in: table, device: 0xFD00, inode: 77)?.process == 15)
        try await TemporaryDirectory.with { path in
            let file = try Directory(path: path).openFile("lock", flags: O_RDWR | O_CREAT)
            #expect(LockHolder.of(file) == nil)
            #expect(try file.tryLock(.exclusive))
            // Some file systems go by another device number there.
            #expect([nil, Int(getpid())].contains(LockHolder.of(file)?.process))
        }
    }

    @Test(
        "The floor is 5 % of the disk and at least 1 GiB, but never more than a tenth",
        arguments: [
            (64 << 20, 6_710_886), (10 << 30, 1 << 30), (15 << 30, 1 << 30), (100 << 30, 5 << 30),
        ] as [(Int64, Int64)]
    )
    func floor(total: Int64, expected: Int64) {
        #expect(FreeSpace.standardFloor(total: total) == expected)
    }
}
