import Cache
import CacheSupport
import FoundationEssentials
import GRDB
import OCI
import TestSupport
import Testing

/// A cache as version 0.1.0 wrote it, before its names were one table: three tags, one of which has moved, an image
/// that a server brought without its layer, and one volume of an archive of four.
@Suite(.timeLimit(.minutes(10)))
struct FormerCacheTests {
    /// A moment after it was made, in seconds since 1970.
    private static let now: Int64 = 1_795_672_000

    /// Runs a test on a copy of it.
    static func withCopy<R>(_ body: (_ path: String) async throws -> R) async throws -> R {
        let origin = "/" + String(#filePath).split(separator: "/").dropLast().joined(separator: "/") + "/FormerCache"
        return try await TemporaryDirectory.with { path in
            try FileManager.default.copyItem(atPath: origin, toPath: "\(path)/cache")
            return try await body("\(path)/cache")
        }
    }

    private static func open<R>(_ path: String, _ body: (ContentCache) async throws -> R) async throws -> R {
        var configuration = configuration(path)
        configuration.now = { now }
        return try await ContentCache.with(configuration, body)
    }

    @Test("A cache of the version before opens, and everything is there", arguments: 1...2)
    func opens(times: Int) async throws {
        let location = try RepositoryReference("127.0.0.1:5061/a")
        let other = try RepositoryReference("127.0.0.1:5061/b")
        let digest = { (hex: String) in try Digest("sha256:\(hex)") }
        let second = try digest("70fbf42d70f5bfe6ad3f5017aeb3628c8573e1c7a400e36f2879002c61ba580d")
        try await Self.withCopy { path in
            for _ in 1..<times { try await Self.open(path) { _ in } }
            try await Self.open(path) { cache async throws in
                let tags = try await cache.names.tags(of: location)
                #expect(tags.map(\.0.description) == ["1", "2", "multi"])
                #expect(
                    try tags.map(\.1.digest) == [
                        digest("acb76029315d2bc2e1a703c2ef79d22c597aac6412ab9d2845da467594532039"), second,
                        digest("f9d198b20b163af41eb7a7d87ce279c6efbd40de8e30b1665dcafe52e65ce006"),
                    ]
                )
                let tag: TagName = "2"
                let history = try await cache.names.history(of: tag, in: location)
                #expect(try history.map(\.digest) == [second, digest(Self.earlier)])
                #expect(history.map { $0.until == nil } == [true, false])
                #expect(try await cache.names.locations() == [location])
                #expect(try await cache.names.locations(isWhole: false) == [location, other])
                let pulled = try await cache.names.resolveAny("1", in: other)
                #expect(pulled?.digest.hex.hasPrefix("a9cfec95") == true)
                #expect(try await cache.names.tags(of: other).isEmpty)
                let usage = try await cache.inventory.usage()
                #expect(usage.blobs == 17)
                // One of them is what a client asked for, and not whole.
                #expect(usage.tags == 4)
                #expect(usage.logicalBytes == 1227 + 1427 + 1965 + 401)
                #expect(try await cache.verify().findings.isEmpty)
                // What was awaited from the other volumes is kept as well.
                let report = try await cache.collect(CollectionOptions(grace: .zero, isDryRun: true))
                #expect(report.partials == 0)
                // The image that the moved tag named before is garbage.
                #expect(report.blobs == 3)
            }
            #expect(try names("\(path)/ingest").count == 1)
        }
    }

    private static let earlier = "4023634d51b5b9d31642c6322e42eb38f24e505fe9ba0fa0b40bcf9f74163743"

    @Test("The version before is told which version has written what it cannot read")
    func newer() async throws {
        try await Self.withCopy { path in
            try await Self.open(path) { _ in }
            let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
            defer { try? queue.close() }
            let written = try await queue.read { db in
                try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'written_by'")
            }
            #expect(written == "1.2.3")
        }
    }
}
