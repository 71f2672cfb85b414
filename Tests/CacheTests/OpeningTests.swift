import Cache
import CacheSupport
import GRDB
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct OpeningTests {
    private func failure(_ path: String) async throws -> CacheError {
        try #require(
            await #expect(throws: CacheError.self) { try await ContentCache.with(configuration(path)) { _ in } }
        )
    }

    @Test("A new cache has the layout's files and directories that are its owner's alone")
    func layout() async throws {
        try await withCache { (_, path) async throws -> Void in
            let expected = [
                "backup", "blobs", "index.json", "index.sqlite", "ingest", "leases", "locks", "oci-layout",
                "quarantine",
            ]
            #expect(try names(path).filter { !["ballast", "index.sqlite-journal"].contains($0) } == expected)
            for name in ["", "/blobs", "/blobs/sha256", "/ingest", "/locks", "/leases"] {
                #expect(try mode(path + name) == 0o700)
            }
        }
    }

    @Test("A directory for blobs that is made again has its name durably before anything is in it")
    func durableDirectories() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { _ in }
            try #require(rmdir("\(path)/blobs/sha512") == 0)
            for isMade in [true, false] {
                try await withFaulty("fsync", on: "\(path)/blobs", after: 1000) { count async throws in
                    try await ContentCache.with(configuration(path)) { _ in }
                    #expect(count() == (isMade ? 1 : 0))
                }
            }
        }
    }

    @Test("A cache that was closed leaves no file open, however often one is opened")
    func closed() async throws {
        try await TemporaryDirectory.with { path in
            for number in 0..<3 {
                try await ContentCache.with(configuration("\(path)/cache")) { cache in
                    try await cache.add(bytes(3000, seed: UInt64(number)))
                    _ = try await cache.inventory.usage()
                    _ = try await cache.collect()
                }
            }
            // A thread that has just told its result lets go of the cache a moment later.
            let end = ContinuousClock.now + .seconds(60)
            while try !Self.openFiles(in: path).isEmpty, ContinuousClock.now < end { await Task.yield() }
            #expect(try Self.openFiles(in: path) == [])
        }
    }

    private static func openFiles(in path: String) throws -> [String] {
        try names("/proc/self/fd").compactMap { name -> String? in
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let length = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
            guard length > 0 else { return nil }
            let place = String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
            return place.hasPrefix(path) ? place : nil
        }
    }

    @Test("A file in the cache's place is refused, with what to do")
    func notADirectory() async throws {
        try await TemporaryDirectory.with { path in
            try write(ByteBuffer(string: "x"), to: "\(path)/file")
            for place in ["\(path)/file", "\(path)/file/cache"] {
                let error = try await failure(place)
                #expect(error.kind == .notADirectory)
                #expect(error.description.hasPrefix("cannot open the cache \(place): "))
                #expect(error.description.contains("--cache-dir"))
            }
        }
    }

    @Test("A link that leads nowhere, as to a disk that is not mounted, is told of as that")
    func dangling() async throws {
        try await TemporaryDirectory.with { path in
            #expect(symlink("\(path)/absent/cache", "\(path)/cache") == 0)
            let error = try await failure("\(path)/cache")
            #expect(error.description.contains("check that its disk is mounted"))
            #expect(try names(path) == ["cache"])
        }
    }

    @Test("A symbolic link inside the cache is refused", arguments: ["blobs", "ingest", "locks", "blobs/sha256"])
    func link(name: String) async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration("\(path)/cache")) { _ in }
            #expect(rename("\(path)/cache/\(name)", "\(path)/moved") == 0)
            #expect(symlink("\(path)/moved", "\(path)/cache/\(name)") == 0)
            let error = try await failure("\(path)/cache")
            #expect(error.kind == .untrusted)
            #expect(error.description.contains("it is a symbolic link"))
        }
    }

    @Test("An index of a newer version is refused and left as it is")
    func newerSchema() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { _ in }
            let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
            try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 future')") }
            try queue.close()
            let before = try contents("\(path)/index.sqlite")
            let error = try await failure(path)
            #expect(error.kind == .newerSchema)
            #expect(error.description.contains("it was written by a newer imglife"))
            #expect(try contents("\(path)/index.sqlite") == before)
        }
    }

    @Test(
        "An index whose tables are not those of its version is damaged, and made again",
        arguments: [
            "DROP TABLE grdb_migrations", "DELETE FROM grdb_migrations",
            "DELETE FROM grdb_migrations WHERE identifier = '12 copies'", "ALTER TABLE leases RENAME TO lfases",
            "ALTER TABLE totals RENAME TO tptals", "ALTER TABLE import_sets RENAME TO import_setr",
            "ALTER TABLE blobs RENAME COLUMN used_at TO used_au",
        ]
    )
    func otherTables(change: String) async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in _ = try await cache.add(bytes(10)) }
            let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
            try await queue.write { try $0.execute(sql: change) }
            try queue.close()
            let use = {
                try await ContentCache.with(configuration(path)) { cache async throws in
                    _ = try await cache.collect()
                    try await cache.add(bytes(20))
                    return try await cache.inventory.usage().blobs
                }
            }
            // Who meets it says so, and the next one makes it again.
            do {
                #expect(try await use() == 2)
            } catch let error as CacheError {
                #expect(error.kind == .damagedIndex)
                #expect(try await use() == 2)
            }
        }
    }

    @Test("An index that names a version that is neither known nor newer is damaged, and made again")
    func unknownSchema() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in _ = try await cache.add(bytes(10)) }
            let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
            try await queue.write {
                try $0.execute(sql: "UPDATE grdb_migrations SET identifier = '2 nimes' WHERE identifier = '2 names'")
            }
            try queue.close()
            try await ContentCache.with(configuration(path)) { cache async throws in
                #expect(try await cache.inventory.usage().blobs == 1)
            }
        }
    }

    @Test("Old partials of nobody are removed at opening, young ones are kept")
    func partials() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { _ in }
            try write(bytes(10), to: "\(path)/ingest/sha256-old")
            try write(bytes(10), to: "\(path)/ingest/sha256-young")
            var times = [timeval(tv_sec: 0, tv_usec: 0), timeval(tv_sec: 0, tv_usec: 0)]
            #expect(utimes("\(path)/ingest/sha256-old", &times) == 0)
            try await ContentCache.with(configuration(path)) { _ in }
            #expect(try names("\(path)/ingest") == ["sha256-young"])
        }
    }

    @Test("A lease protects while its scope lives and is gone afterwards, also when its owner died")
    func leases() async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in
                try await cache.hold([blob(bytes(10))])
                #expect(try names("\(path)/leases").count == 1)
                try await ContentCache.with(configuration(path)) { _ in }
                #expect(try names("\(path)/leases").count == 1)
            }
            #expect(try names("\(path)/leases").isEmpty)
            try write(ByteBuffer(), to: "\(path)/leases/1-dead")
            try await ContentCache.with(configuration(path)) { _ in }
            #expect(try names("\(path)/leases").isEmpty)
        }
    }

    @Test("A begun deletion is finished at opening, or taken back where a manifest needs the blob")
    func deletions() async throws {
        let image = SampleImage.image()
        let other = bytes(100)
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                try await cache.follow(blob(other), from: FakeSource([other])).whenCommitted()
            }
            let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
            try await queue.write { try $0.execute(sql: "UPDATE blobs SET state = 'deleting'") }
            try queue.close()
            try await ContentCache.with(configuration(path)) { cache in
                let all = (image.blobs + image.manifests).map(\.descriptor)
                let present = try await cache.hold(all)
                #expect(present == Set(all.map(\.digest)))
                #expect(try !cache.contains(blob(other)))
            }
        }
    }
}

/// A file's permissions.
func mode(_ path: String) throws -> UInt32 {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return status.st_mode & 0o777
}

func inode(_ path: String) throws -> UInt {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return UInt(status.st_ino)
}

func remove(_ path: String) throws {
    try #require(unlink(path) == 0)
}
