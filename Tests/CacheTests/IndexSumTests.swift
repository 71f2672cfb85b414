import CacheSupport
import GRDB
import Glibc
import Logging
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(10)))
struct IndexSumTests {
    private let image = SampleImage.image(layers: [.init(seed: 911, size: 5000)])

    private func withStored(_ body: (TimedCache) async throws -> Void) async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await NamesTests.store(image, in: $0, as: "stable", of: "a") }
            try await body(timed)
        }
    }

    private func sum(_ timed: TimedCache) -> String { "\(timed.path)/\(IndexSum.fileName)" }

    /// Changes the index as a failing disk would: SQLite's count of transactions stays.
    private func replace(_ text: String, by other: String, in timed: TimedCache) throws {
        let path = "\(timed.path)/index.sqlite"
        var bytes = Array(try contents(path).readableBytesView)
        let wanted = Array(text.utf8)
        let found = bytes.indices.filter { bytes[$0...].starts(with: wanted) }
        try #require(!found.isEmpty)
        for start in found { bytes.replaceSubrange(start..<start + wanted.count, with: Array(other.utf8)) }
        try remove(path)
        try write(ByteBuffer(bytes: bytes), to: path)
    }

    @Test("A name that changed on the disk after a clean end is noticed, and comes back from the backup")
    func altered() async throws {
        try await withStored { timed in
            try replace("stable", by: "steble", in: timed)
            try await timed.open { cache async throws in
                #expect(try await cache.names.tags(of: RepositoryReference("a")).map { "\($0.0)" } == ["stable"])
                #expect(try await cache.recovery.restoration()?.source == "index-1.sqlite")
            }
            #expect(try names("\(timed.path)/quarantine").contains { $0.hasPrefix("index.sqlite.") })
        }
    }

    @Test("A scope that wrote leaves a sum, and its first transaction removes the one before")
    func voided() async throws {
        try await withStored { timed in
            #expect(access(sum(timed), F_OK) == 0)
            try await timed.open { cache async throws in
                #expect(access(sum(timed), F_OK) == 0)
                try await NamesTests.store(image, in: cache, as: "2", of: "a")
                #expect(access(sum(timed), F_OK) != 0)
            }
            #expect(access(sum(timed), F_OK) == 0)
        }
    }

    @Test("A sum that was left behind by a write of another program says nothing")
    func stale() async throws {
        try await withStored { timed in
            let queue = try DatabaseQueue(path: "\(timed.path)/index.sqlite")
            try await queue.write { try $0.execute(sql: "UPDATE names SET reference = 'other'") }
            try queue.close()
            try await timed.open { cache async throws in
                #expect(try await cache.names.tags(of: RepositoryReference("a")).map { "\($0.0)" } == ["other"])
                #expect(try await cache.recovery.restoration() == nil)
            }
        }
    }

    @Test("A damaged sum says nothing")
    func damagedSum() async throws {
        try await withStored { timed in
            let text = String(buffer: try contents(sum(timed)))
            let bad = text.replacing("\n", with: "\n0", maxReplacements: 1)
            #expect(IndexSum(text)?.text == text)
            #expect(IndexSum(bad) == nil)
            try remove(sum(timed))
            try write(ByteBuffer(string: bad), to: sum(timed))
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration() == nil)
            }
        }
    }

    @Test("An index that SQLite found damaged is rebuilt at the next opening, though its checks find nothing")
    func condemned() async throws {
        try await withStored { timed in
            try await timed.open { cache async throws in
                let error = CacheError(.damagedIndex, "test", path: timed.path, "malformed")
                try IndexFiles(directory: cache.store.directory).suspect(error)
            }
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration() != nil)
            }
            let restored = try names("\(timed.path)/quarantine")
            try await timed.open { _ in }
            #expect(try names("\(timed.path)/quarantine") == restored)
        }
    }

    /// A cache whose index has no sum.
    private func unsummed(_ timed: TimedCache) throws -> (StoreDirectory, IndexFiles, StoreLocks) {
        try remove(sum(timed))
        let store = try StoreDirectory(path: timed.path)
        let locks = StoreLocks(
            directory: store.locks,
            clock: ContinuousClock(),
            pulse: ContinuousClock(),
            timeout: .zero,
            logger: Logger(label: "test")
        )
        return (store, IndexFiles(directory: store), locks)
    }

    @Test("While the sum of an index is made others may come, and the last of them makes it if the first cannot")
    func othersCome() async throws {
        try await withStored { timed in
            let (_, files, locks) = try unsummed(timed)
            let first = try #require(try locks.tryAcquire("store", .exclusive))
            var other: OpenFile?
            let isAll = try files.writeSum(first) { file throws(SystemError) in
                other = try? locks.tryAcquire("store", .shared)
                return try IndexSum(of: file)
            }
            #expect(isAll)
            #expect(other != nil)
            #expect(try !files.hasSum())
            other?.unlock()
            first.unlock()
            try await timed.open { _ async throws in #expect(try !files.hasSum()) }
            #expect(try files.hasSum() && files.alteration() == nil)
        }
    }

    @Test("A sum is not written of an index that somebody writes meanwhile", arguments: [true, false])
    func writtenMeanwhile(removesSum: Bool) async throws {
        try await withStored { timed in
            let (store, files, locks) = try unsummed(timed)
            let lock = try #require(try locks.tryAcquire("store", .exclusive))
            let isAll = try files.writeSum(lock) { file throws(SystemError) in
                let sum = try IndexSum(of: file)
                if removesSum {
                    try IndexSum.remove(besideIndex: files.path)
                } else {
                    let writer = try store.root.openFile(CacheIndex.fileName, flags: O_RDWR)
                    try writer.write(writer.read(at: 0, atMost: 1), at: 0)
                }
                return sum
            }
            #expect(try !isAll && !files.hasSum())
            #expect(try locks.tryAcquire("store", .shared) == nil)
            lock.unlock()
        }
    }

    @Test("A file cut to nothing is not what was left")
    func empty() async throws {
        try await TemporaryDirectory.with { path in
            try write(bytes(3 << 20), to: "\(path)/a")
            let file = try Directory(path: path).openFile("a", flags: O_RDWR)
            let sum = try IndexSum(of: file)
            #expect(sum.chunks.count == 3)
            #expect(try sum.alteration(of: file) == nil)
            try file.truncate(to: (3 << 20) - 1)
            #expect(try sum.alteration(of: file) == .damaged)
            try file.truncate(to: 0)
            #expect(try sum.alteration(of: file) == .damaged)
        }
    }
    @Test("A file that has seen fewer transactions is an older one, and with more it is another program's")
    func transactions() async throws {
        try await TemporaryDirectory.with { path in
            try write(ByteBuffer(repeating: 0, count: 100), to: "\(path)/a")
            let file = try Directory(path: path).openFile("a", flags: O_RDWR)
            let sum = try IndexSum(of: file)
            for (count, alteration) in [(UInt32.max, IndexSum.Alteration.older), (1, nil), (0, nil)] {
                try file.write(ByteBuffer(integer: count), at: 24)
                #expect(try sum.alteration(of: file) == alteration)
            }
        }
    }
}
