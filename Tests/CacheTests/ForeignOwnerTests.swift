import Cache
import CacheSupport
import Foundation
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Caches of a service's user at which an administrator works as root.
@Suite(.timeLimit(.minutes(10)), .requires(.root))
struct ForeignOwnerTests {
    private static let owner: uid_t = 65_534
    private let image = SampleImage.image(layers: [.init(seed: 911, size: 5000)])

    private func owned(by user: uid_t, _ path: String) throws -> [String] {
        var found: [String] = []
        let names = try #require(FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String })
        for name in names {
            var status = stat()
            try #require(lstat("\(path)/\(name)", &status) == 0)
            if status.st_uid == user { found.append(name) }
        }
        return found.sorted()
    }

    private func use(_ timed: TimedCache) async throws {
        for number in 1...2 {
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "v\(number)", of: "a")
                try await cache.writeLayout()
                _ = try await cache.collect(CollectionOptions())
            }
        }
    }

    @Test("What root makes in somebody's cache belongs to them, an index that is rebuilt too")
    func givenAway() async throws {
        try await TimedCache.with { timed in
            try FileManager.default.createDirectory(atPath: timed.path, withIntermediateDirectories: true)
            try #require(chown(timed.path, Self.owner, Self.owner) == 0)
            try await use(timed)
            try remove("\(timed.path)/index.sqlite")
            try await use(timed)
            #expect(try owned(by: 0, timed.path) == [])
        }
    }

    @Test("What root has left in somebody's cache before becomes theirs when it is opened")
    func takenOver() async throws {
        try await TimedCache.with { timed in
            try await use(timed)
            try #require(chown(timed.path, Self.owner, Self.owner) == 0)
            try await use(timed)
            let left = try owned(by: 0, timed.path)
            #expect(!left.contains { $0.hasPrefix("locks/import") || $0 == "locks/store" })
            #expect(Set(left).isDisjoint(with: Self.parts))
        }
    }

    private static let parts = [
        "blobs", "blobs/sha256", "blobs/sha512", "ingest", "locks", "leases", "quarantine", "backup",
    ]

    private func status(_ path: String) throws -> stat {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status
    }

    @Test("A file of root's that somebody has moved into their cache stays root's, and holds what it held")
    func movedFile() async throws {
        try await TimedCache.with { timed in
            try await use(timed)
            try #require(chown(timed.path, Self.owner, Self.owner) == 0)
            let path = "\(timed.path)/locks/layout"
            try remove(path)
            try Files.write("of root\n", to: path)
            try await use(timed)
            #expect(try status(path).st_uid == 0 && Files.text(path) == "of root\n")
        }
    }

    @Test("So does a directory that holds what no cache does", arguments: parts)
    func movedDirectory(_ part: String) async throws {
        try await TimedCache.with { timed in
            try await use(timed)
            try #require(chown(timed.path, Self.owner, Self.owner) == 0)
            let path = "\(timed.path)/\(part)"
            try Files.write("of root\n", to: "\(path)/notes.txt")
            try await timed.open { _ in }
            #expect(try status(path).st_uid == 0)
            // Where leases and downloads are, what is nobody's has gone by itself.
            if exists("\(path)/notes.txt") { try remove("\(path)/notes.txt") }
            try await timed.open { _ in }
            #expect(try status(path).st_uid == Self.owner)
        }
    }

    @Test("An index.json that its owner may not read is not copied for them, but refused", arguments: [true, false])
    func unreadable(isIndexLost: Bool) async throws {
        try await TimedCache.with { timed in
            try FileManager.default.createDirectory(atPath: timed.path, withIntermediateDirectories: true)
            try #require(chown(timed.path, Self.owner, Self.owner) == 0)
            try await use(timed)
            let path = "\(timed.path)/index.json"
            try Files.write("of root\n", to: path)
            try #require(chown(path, 0, 0) == 0 && chmod(path, 0o600) == 0)
            if isIndexLost { try remove("\(timed.path)/index.sqlite") }
            let error = await #expect(throws: CacheError.self) { try await use(timed) }
            #expect(error?.kind == .untrusted && error?.description.contains("chown") == true)
            #expect(try names("\(timed.path)/quarantine").isEmpty && Files.text(path) == "of root\n")
            try #require(chown(path, Self.owner, Self.owner) == 0)
            try await timed.open { try await $0.writeLayout() }
            #expect(try names("\(timed.path)/quarantine").contains { $0.hasPrefix("index.json.") })
        }
    }

    @Test("A file that has another name too stays root's")
    func otherNames() async throws {
        try await TimedCache.with { timed in
            try await use(timed)
            try #require(chown(timed.path, Self.owner, Self.owner) == 0)
            let elsewhere = "\(timed.path)-elsewhere"
            defer { unlink(elsewhere) }
            try #require(link("\(timed.path)/locks/store", elsewhere) == 0)
            try await use(timed)
            var status = stat()
            #expect(stat(elsewhere, &status) == 0 && status.st_uid == 0)
        }
    }
}
