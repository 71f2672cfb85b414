import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// What is kept of damaged blobs, and for how long.
@Suite(.timeLimit(.minutes(2)))
struct EvidenceTests {
    private static func name(_ seed: UInt64, at time: Int64) -> String {
        "sha256-\(Digest.of(bytes(10, seed: seed)).hex).\(time)"
    }

    /// Damages a blob and has it be found.
    private func damage(_ content: ByteBuffer, in cache: ContentCache) async throws {
        let path = file(blob(content).digest, in: cache.path)
        var rotten = content
        rotten.flipByte(at: 0)
        try remove(path)
        try write(rotten, to: path)
        #expect(try await cache.verify().findings.map(\.digest).contains(blob(content).digest))
    }

    @Test("Of damaged files those go first that were put aside first, however old they are, and copies of indexes last")
    func number() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await cache.add(bytes(5000))
                let path = "\(timed.path)/quarantine"
                let old = (1...31).map { Self.name($0, at: 1_000_000_000 + Int64($0)) }
                for name in ["index.sqlite.5"] + old { try write(bytes(10), to: "\(path)/\(name)") }
                try await damage(bytes(5000), in: cache)
                let new = "sha256-\(Digest.of(bytes(5000)).hex).\(timed.now.value)"
                let aside = try Directory(path: path)
                try aside.setModified(new, to: 1)
                try await cache.add(bytes(6000))
                try await damage(bytes(6000), in: cache)
                let kept = Set(try names(path))
                #expect(kept.count == 32 && kept.isSuperset(of: ["index.sqlite.5", new]))
                #expect(kept.isDisjoint(with: old[..<2]))
            }
        }
    }

    @Test("Of damaged blobs a gibibyte is kept")
    func bytesOfBlobs() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                let path = "\(timed.path)/quarantine"
                let large = [Self.name(1, at: 1), "index.sqlite.1", Self.name(2, at: 2), Self.name(3, at: 3)]
                for name in large {
                    try write(bytes(1), to: "\(path)/\(name)")
                    #expect(truncate("\(path)/\(name)", off_t(600 << 20)) == 0)
                }
                try await cache.add(bytes(5000))
                try await damage(bytes(5000), in: cache)
                let kept = try names(path)
                #expect(kept.count == 3 && kept.contains("index.sqlite.1") && kept.contains(large[3]))
                #expect(try await cache.inventory.usage().quarantined == 2)
                #expect(try await cache.inventory.usage().quarantinedBytes == 600 << 20 + 5000)
            }
        }
    }

    @Test("A damaged blob of any size leaves what was put aside before it")
    func largeLatest() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                let path = "\(timed.path)/quarantine"
                let latest = "\(path)/\(Self.name(2, at: 1 << 40))"
                for file in ["\(path)/\(Self.name(1, at: 1))", latest] { try write(bytes(1), to: file) }
                #expect(truncate(latest, 2 << 30) == 0)
                try await cache.add(bytes(5000))
                try await damage(bytes(5000), in: cache)
                #expect(try names(path).count == 3)
            }
        }
    }

    @Test("Of damaged indexes and of lists of images as many are kept", arguments: ["index.sqlite", "index.json"])
    func copies(of name: String) async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(.image(), in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            for number in 1...40 { try write(bytes(10), to: "\(timed.path)/quarantine/\(name).\(number)") }
            try remove("\(timed.path)/\(name)")
            try write(ByteBuffer(string: "{"), to: "\(timed.path)/\(name)")
            try await timed.open { try await $0.writeLayout() }
            let kept = try names("\(timed.path)/quarantine")
            #expect(kept.count == 32 && kept.contains("\(name).\(timed.now.value)") && !kept.contains("\(name).1"))
        }
    }

    @Test("A collection without a grace removes copies of indexes, too, but the newest", arguments: [true, false])
    func newest(isDryRun: Bool) async throws {
        let copies = ["index.json.1", "index.json.3", "index.sqlite-journal.1", "index.sqlite.1", "index.sqlite.20"]
        try await withCache { cache, path in
            for name in copies { try write(bytes(10), to: "\(path)/quarantine/\(name)") }
            var options = CollectionOptions(grace: .zero)
            options.isDryRun = isDryRun
            let report = try await cache.collect(options)
            #expect(report.quarantined == 2 && report.quarantinedBytes == 20)
            let left = ["index.json.3", "index.sqlite-journal.1", "index.sqlite.20"]
            #expect(try names("\(path)/quarantine") == (isDryRun ? copies : left))
        }
    }

    /// Who wants room.
    enum Want: CaseIterable, Sendable {
        case nobody, person, limit, disk

        var options: CollectionOptions {
            switch self {
            case .person: CollectionOptions(grace: .zero)
            case .limit: CollectionOptions(maximumSize: 10_000)
            case .nobody, .disk: CollectionOptions()
            }
        }
    }

    @Test("A collection removes damaged blobs as soon as their room is wanted", arguments: Want.allCases)
    func collection(_ want: Want) async throws {
        try await TemporaryDirectory.with { path async throws in
            var configuration = configuration("\(path)/cache")
            configuration.minimumFree = 0
            try await ContentCache.with(configuration) { cache async throws in
                for size in [5000, 6000] { try await cache.add(bytes(size)) }
                try await damage(bytes(5000), in: cache)
                try write(bytes(10), to: "\(path)/cache/quarantine/index.sqlite.1")
            }
            configuration.minimumFree = want == .disk ? 1 << 60 : 0
            try await ContentCache.with(configuration) { cache async throws in
                let blobs = want == .nobody ? 0 : 1
                var options = want.options
                options.isDryRun = true
                #expect(try await cache.collect(options).quarantined == blobs)
                #expect(try await cache.inventory.usage().quarantined == 1)
                let report = try await cache.collect(want.options)
                #expect(report.quarantined == blobs && report.quarantinedBytes == Int64(5000 * blobs))
                #expect(try names("\(path)/cache/quarantine").count == 2 - blobs)
            }
        }
    }

    @Test("Before a download fails on a full disk, damaged blobs go")
    func download() async throws {
        try await TemporaryDirectory.with { path async throws in
            var configuration = configuration("\(path)/cache")
            configuration.minimumFree = 0
            try await ContentCache.with(configuration) { cache async throws in
                try await cache.add(bytes(5000))
                try await damage(bytes(5000), in: cache)
            }
            configuration.minimumFree = 1 << 60
            try await ContentCache.with(configuration) { cache async throws in
                _ = await #expect(throws: CacheError.self) { try await cache.add(bytes(5000)) }
            }
            #expect(try names("\(path)/cache/quarantine").isEmpty)
        }
    }
}
