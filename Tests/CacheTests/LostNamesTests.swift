import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// What is awaited after names were lost, and what ends that.
@Suite(.timeLimit(.minutes(10)))
struct LostNamesTests {
    private let first = SampleImage.image(layers: [.init(seed: 921, size: 900)])
    private let second = SampleImage.image(layers: [.init(seed: 922, size: 800)], labels: ["a": "b"])
    private let third = SampleImage.image(layers: [.init(seed: 923, size: 700)], labels: ["a": "c"])
    private let fourth = SampleImage.image(layers: [.init(seed: 924, size: 600)], labels: ["a": "d"])
    private let both = ["docker.io/library/a:1", "docker.io/library/a:2"]

    /// Runs a test on a cache that has lost two names, without backups and `index.json`; with `isKnown` it is known which.
    private func withLost(isKnown: Bool = true, _ body: (TimedCache) async throws -> Void) async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
            }
            for name in try names("\(timed.path)/backup") { try remove("\(timed.path)/backup/\(name)") }
            try remove("\(timed.path)/index.json")
            if isKnown { try timed.flipIndexBit() } else { try remove("\(timed.path)/index.sqlite") }
            try await body(timed)
        }
    }

    private func expectRefusal(_ cache: ContentCache, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await cache.recovery.lacksNames(), sourceLocation: sourceLocation)
        let error = await #expect(throws: CacheError.self, sourceLocation: sourceLocation) {
            try await cache.collect()
        }
        #expect(error?.kind == .lostNames, sourceLocation: sourceLocation)
    }

    @Test("A collection waits for the lost names that are known until the last is back, whatever becomes of them then")
    func back() async throws {
        try await withLost { timed in
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration()?.lostNames == both)
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await expectRefusal(cache)
            }
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration()?.lostNames == ["docker.io/library/a:2"])
                #expect(try await cache.names.remove("1", of: RepositoryReference("a")))
                try await expectRefusal(cache)
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
            }
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration()?.lostNames == [])
                #expect(try await cache.names.remove("2", of: RepositoryReference("a")))
                #expect(
                    try await cache.collect(CollectionOptions(grace: .zero)).blobs
                        == first.digests.union(second.digests).count
                )
            }
        }
    }

    @Test("A collection that finds the lost names back goes on, and awaits none of those that it removes")
    func evicted() async throws {
        try await withLost { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                timed.advance(hours: 48)
                #expect(try await cache.collect(CollectionOptions(maximumSize: 1)).evictedTags.count == 2)
                #expect(try await cache.collect().blobs == 0)
            }
        }
    }

    @Test("Where it is not known which names were lost, no name that comes ends the waiting")
    func unknown() async throws {
        try await withLost(isKnown: false) { timed in
            for _ in 1...2 {
                try await timed.open { cache async throws in
                    try await NamesTests.store(first, in: cache, as: "1", of: "a")
                    try await NamesTests.store(second, in: cache, as: "2", of: "a")
                    try await expectRefusal(cache)
                }
            }
        }
    }

    @Test("A forced collection gives up what was lost, so that later ones need no force", arguments: [true, false])
    func forced(isKnown: Bool) async throws {
        try await withLost(isKnown: isKnown) { timed in
            var options = CollectionOptions(grace: .zero, isDryRun: true)
            options.isForced = true
            try await timed.open { cache async throws in
                #expect(try await cache.collect(options).blobs == first.digests.union(second.digests).count)
                try await expectRefusal(cache)
                options.isDryRun = false
                #expect(try await cache.collect(options).blobs == first.digests.union(second.digests).count)
                #expect(try await cache.collect().blobs == 0)
            }
            try await timed.open { cache async throws in
                #expect(try await !cache.recovery.lacksNames())
                #expect(try await cache.collect().blobs == 0)
            }
        }
    }

    @Test("An index that is made again awaits the names that the one before did", arguments: [true, false])
    func lostAgain(isDamaged: Bool) async throws {
        try await withLost { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(third, in: cache, as: "3", of: "a")
                try await cache.writeLayout()
            }
            if isDamaged { try timed.flipIndexBit() } else { try remove("\(timed.path)/index.sqlite") }
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration()?.lostNames == both)
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await expectRefusal(cache)
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                #expect(try await cache.collect().blobs == 0)
            }
        }
    }

    @Test("A rebuild that fails, however often, forgets no name that the damaged index alone knew")
    func failed() async throws {
        try await withLost { timed in
            for call in ["write", "open", "renameat"] {
                await #expect(throws: CacheError.self) {
                    try await withFaulty(call, on: "\(timed.path)/index.rebuild.sqlite", code: EIO) { _ async throws in
                        try await timed.open { _ in }
                    }
                }
            }
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration()?.lostNames == both)
                try await expectRefusal(cache)
            }
            #expect(try names("\(timed.path)/quarantine").count { $0.hasPrefix("index.sqlite.") } == 1)
        }
    }

    @Test(
        "A rebuild that is killed at any step forgets no name that the damaged index alone knew",
        .requires(.tool("strace")),
        arguments: ["renameat", "unlinkat", "fsync", "pwrite64"]
    )
    func killed(call: String) async throws {
        try await withLost { timed in
            var position = 1
            while true {
                let copy = TimedCache(path: "\(timed.path).\(position)")
                try #require(await Tool.run("cp", ["-a", timed.path, copy.path]).status == 0)
                guard try await Probe.isKilled(at: call, position, opening: copy.path) else { break }
                try await copy.open { cache async throws in
                    #expect(try await cache.recovery.restoration()?.lostNames == both, "\(call) \(position)")
                }
                #expect(try names(copy.path).filter { $0.hasPrefix("index.rebuild") } == [], "\(call) \(position)")
                position += max(1, position / 4)
            }
            #expect(position > 1)
        }
    }

    @Test(
        "That nobody can name an image of a later run any more ends no waiting that has no end",
        arguments: [true, false]
    )
    func namelessLater(isKnown: Bool) async throws {
        try await withLost(isKnown: isKnown) { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(third, in: cache, as: "3", of: "a")
                try await cache.writeLayout()
            }
            // As after a kill: the fourth is neither in a backup nor in index.json.
            let (layout, backups) = ("\(timed.path)/index.json", "\(timed.path)/backup")
            let (text, copies) = (try contents(layout), try names(backups))
            try await timed.open { cache async throws in
                try await NamesTests.store(fourth, in: cache, as: "4", of: "a")
                try await cache.writeLayout()
            }
            try write(text, to: layout)
            for name in try names(backups) where !copies.contains(name) { try remove("\(backups)/\(name)") }
            try remove("\(timed.path)/index.sqlite")
            try await timed.open { cache async throws in
                timed.advance(hours: 48)
                try await expectRefusal(cache)
                try await NamesTests.store(first, in: cache, as: "1", of: "a")
                try await NamesTests.store(second, in: cache, as: "2", of: "a")
                #expect(try await cache.recovery.lacksNames() == !isKnown)
            }
        }
    }
}
