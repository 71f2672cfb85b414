import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// An index of earlier that is put back beside what came since.
@Suite(.timeLimit(.minutes(10)))
struct OlderIndexTests {
    private let image = SampleImage.image(layers: [.init(seed: 912, size: 5000)])

    private func withStored(_ body: (TimedCache) async throws -> Void) async throws {
        try await TimedCache.with { timed in
            try await store("stable", in: timed)
            try await body(timed)
        }
    }

    private func store(_ tag: String, in timed: TimedCache) async throws {
        try await timed.open { try await NamesTests.store(image, in: $0, as: tag, of: "a") }
    }

    private func tags(_ timed: TimedCache) async throws -> Set<String> {
        try await timed.open { cache async throws in
            Set(try await cache.names.tags(of: RepositoryReference("a")).map { "\($0.0)" })
        }
    }

    private func sum(_ timed: TimedCache) -> String { "\(timed.path)/\(IndexSum.fileName)" }

    /// - Returns: what puts the index, and its sum with it, back as they are now.
    private func puttingBack(
        _ timed: TimedCache,
        withSum: Bool = true,
        inPlace: Bool = false
    ) throws -> () throws -> Void {
        let files = try ["\(timed.path)/index.sqlite", sum(timed)].map { ($0, try contents($0)) }
        return {
            for (file, content) in files.prefix(withSum ? 2 : 1) {
                if !inPlace { try remove(file) }
                try write(content, to: file)
            }
        }
    }

    @Test("An older index does not pass for the newest one because its backups cannot be opened for once")
    func unreadBackup() async throws {
        try await withStored { timed in
            let putBack = try puttingBack(timed)
            try await store("newer", in: timed)
            try putBack()
            let error = await #expect(throws: CacheError.self) {
                try await withFaulty("open", on: "\(timed.path)/backup/", code: EMFILE) { _ async throws in
                    try await timed.open { _ in }
                }
            }
            #expect(error?.reason.contains("ulimit -n") == true)
            #expect(try await tags(timed) == ["stable", "newer"])
        }
    }

    @Test(
        "An older index that is put back beside newer blobs forgets no name, whatever comes with it",
        arguments: ["alone", "with its sum", "without a sum"]
    )
    func older(_ way: String) async throws {
        try await withStored { timed in
            let putBack = try puttingBack(timed, withSum: way == "with its sum")
            try await store("newer", in: timed)
            try putBack()
            if way == "without a sum" { try remove(sum(timed)) }
            for _ in 1...2 {
                #expect(try await tags(timed) == ["stable", "newer"])
                let aside = try names("\(timed.path)/quarantine").filter { $0.hasPrefix("index.sqlite.") }
                #expect(aside.count == 1, "it is made again once")
            }
        }
    }

    @Test(
        "What has the name of a newer backup and is none of this index is no reason to make it again",
        arguments: [false, true]
    )
    func foreignBackup(isIndex: Bool) async throws {
        try await withStored { timed in
            let copy = "\(timed.path)/backup/index-7.sqlite"
            try write(isIndex ? contents("\(timed.path)/index.sqlite") : ByteBuffer(string: "no index"), to: copy)
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration() == nil)
            }
        }
    }

    @Test("A name that was removed before an older index was put back is not lost")
    func removedBefore() async throws {
        try await withStored { timed in
            let putBack = try puttingBack(timed)
            try await timed.open { cache async throws in
                #expect(try await cache.names.remove("stable", of: RepositoryReference("a")))
                try await NamesTests.store(image, in: cache, as: "newer", of: "a")
                try await cache.writeLayout()
            }
            try putBack()
            #expect(try await tags(timed) == ["newer"])
            try await timed.open { cache async throws in
                #expect(try await cache.recovery.restoration()?.lostNames == [])
                #expect(try await !cache.recovery.lacksNames())
            }
        }
    }

    @Test("An index from before all backups were removed is known for an older one", arguments: [false, true])
    func olderThanFirst(isMadeAgain: Bool) async throws {
        try await withStored { timed in
            let putBack = try puttingBack(timed)
            try await timed.open { try await $0.writeLayout() }
            try remove("\(timed.path)/backup/index-1.sqlite")
            if isMadeAgain { try timed.flipIndexBit() }
            try await store("newer", in: timed)
            #expect(try names("\(timed.path)/backup") == ["index-2.sqlite"])
            try putBack()
            #expect(try await tags(timed) == ["stable", "newer"])
        }
    }

    @Test("An older index that is written over one in use is not backed up, but made again by the next who is alone")
    func olderInPlace() async throws {
        try await withStored { timed in
            let putBack = try puttingBack(timed, inPlace: true)
            try await store("newer", in: timed)
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "other", of: "b")
                try putBack()
                let error = await #expect(throws: CacheError.self) { try await cache.recovery.backUp() }
                #expect(error?.description.contains("an older one was put in its place") == true)
            }
            #expect(try names("\(timed.path)/backup") == ["index-1.sqlite", "index-2.sqlite"])
            #expect(try await tags(timed) == ["stable", "newer"])
        }
    }

    @Test("An older index that is put back while somebody has the cache open is used by nobody else")
    func olderBeside() async throws {
        try await withStored { timed in
            let putBack = try puttingBack(timed)
            try await store("newer", in: timed)
            try await timed.open { _ async throws in
                try putBack()
                let error = await #expect(throws: CacheError.self) { try await timed.open { _ in } }
                #expect(error?.kind == .locked)
                #expect(error?.description.contains("its index is older than its backups") == true)
            }
            #expect(try await tags(timed) == ["stable", "newer"])
        }
    }
}

extension TimedCache {
    /// A bit flips where SQLite looks at nothing: the index is made again, and what it held can be read.
    func flipIndexBit() throws {
        let file = "\(path)/index.sqlite"
        var text = try contents(file)
        text.setInteger(try #require(text.getInteger(at: 72, as: UInt8.self)) ^ 1, at: 72)
        try remove(file)
        try write(text, to: file)
    }
}
