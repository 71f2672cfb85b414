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
            #expect(try !owned(by: 0, timed.path).contains { $0.hasPrefix("locks/import") || $0 == "locks/store" })
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
