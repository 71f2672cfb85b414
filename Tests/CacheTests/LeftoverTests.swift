import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What the system does not let go.
@Suite(.timeLimit(.minutes(5)))
struct LeftoverTests {
    private let thorough = CollectionOptions(grace: .zero)

    @Test("A partial stays that somebody has gone on with between the look at its age and its lock")
    func goneOnWith() async throws {
        try await TemporaryDirectory.with { path in
            let partial = partial(Digest.of(bytes(3000)), in: path)
            let isGoneOnWith = Watched(false)
            var configuration = configuration(path)
            configuration.now = {
                if isGoneOnWith.value { try? write(bytes(200), to: partial) }
                return TimedCache.start
            }
            try await ContentCache.with(configuration) { cache async throws in
                try write(bytes(100), to: partial)
                for (goesOn, removed) in [(true, []), (false, [200])] as [(Bool, [Int64])] {
                    isGoneOnWith.update { $0 = goesOn }
                    #expect(try OldIngests(store: cache.store).remove(isDryRun: false) == removed)
                    isGoneOnWith.update { $0 = false }
                }
            }
        }
    }

    @Test(
        "A blob that cannot be removed keeps neither the others here nor anybody out of the cache",
        arguments: [EUCLEAN, EPERM, EIO, ENOSPC]
    )
    func blob(code: CInt) async throws {
        let contents = (0..<5).map { bytes(3000, seed: 60 + $0) }
        let stuck = Digest.of(contents[2])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for content in contents { try await cache.add(content) }
            }
            try await withFaulty("unlinkat", on: file(stuck, in: timed.path), code: code) { _ in
                for removed in [4, 0] {
                    try await timed.open { cache async throws in
                        let report = try await cache.collect(thorough)
                        #expect(report.blobs == removed)
                        #expect(report.refusal?.contains("blobs/sha256/\(stuck.hex)") == true)
                        #expect(try timed.stored() == [stuck])
                    }
                }
                // It is of use again.
                try await timed.open { cache async throws in
                    #expect(try await cache.hold([Descriptor(mediaType: .octetStream, bytes: contents[2])]) == [stuck])
                }
            }
            try await timed.open { cache async throws in
                let report = try await cache.collect(thorough)
                #expect(report.blobs == 1 && report.refusal == nil)
                #expect(try timed.stored().isEmpty)
            }
        }
    }

    @Test(
        "What a dead process left and cannot be removed closes nothing, and is named",
        arguments: ["ingest/sha256-0123", "leases/abcdef", "quarantine/sha256-0123.1"]
    )
    func ofDeadProcesses(_ name: String) async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(bytes(100)) }
            let other = name.replacing("0123", with: "4567").replacing("abcdef", with: "fedcba")
            for name in [name, other] {
                try write(bytes(10), to: "\(timed.path)/\(name)")
                var times = [timeval(), timeval()]
                #expect(utimes("\(timed.path)/\(name)", &times) == 0)
            }
            try await withFaulty("unlinkat", on: "\(timed.path)/\(name)", code: EUCLEAN) { _ in
                try await timed.open { cache async throws in
                    let report = try await cache.collect(thorough)
                    #expect(report.blobs == 1)
                    #expect(report.refusal?.contains("\(timed.path)/\(name): ") == true)
                }
                #expect(exists("\(timed.path)/\(name)") && !exists("\(timed.path)/\(other)"))
            }
            try await timed.open { cache async throws in
                #expect(try await cache.collect(thorough).refusal == nil)
            }
            #expect(!exists("\(timed.path)/\(name)"))
        }
    }

    @Test("What a kill has left of a file that is replaced goes with the next replacement, and nothing else goes")
    func replaced() async throws {
        try await TimedCache.with { timed in
            try await timed.open { _ in }
            let foreign = [".index.json.swp", ".index.json2.1f", ".schedule.json.17.4711.tmp"]
            let left = [".index.json.1f", ".index.json.ffffffffffffffff", ".index.sqlite.sum.e2"]
            for name in foreign + left { try write(bytes(10), to: "\(timed.path)/\(name)") }
            try await timed.open { cache async throws in
                try await NamesTests.store(SampleImage.image(), in: cache, as: "1", of: "a")
                try await cache.writeLayout()
            }
            #expect(try names(timed.path).filter { $0.hasPrefix(".") } == foreign.sorted())
        }
    }

    @Test("Backups are made beside what is somebody else's, and beside old ones that cannot be removed")
    func backups() async throws {
        try await TimedCache.with { timed in
            try await timed.open { try await $0.add(bytes(100)) }
            try #require(mkdir("\(timed.path)/backup/.snapshot", 0o700) == 0)
            try write(bytes(10), to: "\(timed.path)/backup/.index.dead")
            try await withFaulty("unlinkat", on: "\(timed.path)/backup/", code: EUCLEAN) { _ in
                for seed in 1...UInt64(3) { try await timed.open { try await $0.add(bytes(200, seed: seed)) } }
            }
            let copies = (1...4).map { "index-\($0).sqlite" }
            #expect(try names("\(timed.path)/backup") == [".index.dead", ".snapshot"] + copies)
            try await timed.open { try await $0.add(bytes(300)) }
            #expect(try names("\(timed.path)/backup") == [".snapshot"] + (3...5).map { "index-\($0).sqlite" })
        }
    }
}
