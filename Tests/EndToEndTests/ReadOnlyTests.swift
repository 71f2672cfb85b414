import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// A cache on a disk that cannot be written.
@Suite(
    .requires(.mounting),
    .timeLimit(.minutes(10))
)
struct ReadOnlyTests {
    /// Runs the program on a read-only view of the cache.
    private func run(_ mirror: Mirror, _ command: String) async throws -> ToolResult {
        let mount = "mount --bind var/cache var/cache && mount -o remount,ro,bind var/cache"
        let script = "\(mount) && exec \"$imglife\" \(command)"
        return try await mirror.workspace.shell("export imglife; exec unshare -m sh -c '\(script)'")
    }

    @Test("stats, ls and verify read it, and change nothing", arguments: ["stats", "ls", "verify"])
    func reading(command: String) async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let expected = try await mirror.workspace.run("cache", command)
            let result = try await run(mirror, "cache \(command)")
            #expect(result.status == 0, "\(result.errors)")
            // How much of the disk is free is others' doing.
            let figure = /(Free on the disk +)[0-9.]+ [A-Za-z]+/
            #expect(
                result.output.replacing(figure) { $0.output.1 } == expected.output.replacing(figure) { $0.output.1 }
            )
        }
    }

    @Test("What has to write says that it cannot", arguments: ["cache gc", "cache rm a:1", "sync"])
    func writing(command: String) async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let result = try await run(mirror, command)
            #expect(result.status == 1, "\(result.output)\(result.errors)")
            #expect(result.errors.contains("Read-only file system; mount it writable"), "\(result.errors)")
        }
    }

    @Test("An archive is written from it, without a registry")
    func export() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let result = try await run(mirror, "export --offline -o images.tar")
            #expect(result.status == 0, "\(result.errors)")
        }
    }

    @Test("Pull-through is refused, because nothing can be kept")
    func pullThrough() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let result = try await run(mirror, "serve --pull-through --listen 127.0.0.1:0")
            #expect(result.status == 64, "\(result.errors)")
            #expect(result.errors.contains("the cache cannot be written"), "\(result.errors)")
        }
    }

    @Test("An index that is older than its backups is not read")
    func older() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let cache = mirror.workspace.cache
            let former = try ["index.sqlite", "index.sqlite.sum"].map {
                ("\(cache)/\($0)", try Files.read("\(cache)/\($0)"))
            }
            let name = mirror.upstream.place("up/app")
            let removed = try await mirror.workspace.run("cache", "rm", "\(name):1")
            try #require(removed.status == 0, "\(removed.errors)")
            for (path, content) in former {
                try Files.remove(path)
                try Files.write(content, to: path)
            }
            let result = try await run(mirror, "cache ls")
            #expect(result.status == 1, "\(result.output)")
            #expect(result.errors.contains("its index is older than its backups; open it once"), "\(result.errors)")
        }
    }

    @Test("A damaged blob is told of, and stays where it is")
    func damaged() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let path = "\(mirror.workspace.cache)/blobs/sha256/\(mirror.layer.hex)"
            try Files.remove(path)
            try Files.write("rotten", to: path)
            let result = try await run(mirror, "cache verify")
            #expect(result.status == 1)
            #expect(result.output.hasPrefix("damaged \(mirror.layer): "))
            #expect(Files.exists(path))
        }
    }

    @Test("A damaged blob that cannot be put aside is not said to have been")
    func damagedExport() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let path = "\(mirror.workspace.cache)/blobs/sha256/\(mirror.layer.hex)"
            var bytes = try Files.read(path)
            let first = try #require(bytes.getInteger(at: bytes.readerIndex, as: UInt8.self))
            bytes.setInteger(~first, at: bytes.readerIndex)
            try Files.remove(path)
            try Files.write(bytes, to: path)
            let result = try await run(mirror, "export --offline -o images.tar")
            #expect(result.status == 1)
            #expect(result.errors.contains("it stays, as the cache is only read here"), "\(result.errors)")
            #expect(try Files.read(path) == bytes)
        }
    }

    @Test("A damaged index is told of instead of being read", arguments: [0, 24, 6000])
    func damagedIndex(position: Int) async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let index = "\(mirror.workspace.cache)/index.sqlite"
            var bytes = try Files.read(index)
            // What SQLite would read as an image less, or as nothing at all.
            bytes.setRepeatingByte(0xA5, count: 3, at: bytes.readerIndex + position + (position == 24 ? 4 : 0))
            try Files.write(bytes, to: index)
            let result = try await run(mirror, "cache ls")
            #expect(result.status == 1, "\(result.output)")
            #expect(result.output.isEmpty)
            #expect(
                result.errors.contains("open it once where it can be written, which rebuilds it"),
                "\(result.errors)"
            )
            let repaired = try await mirror.workspace.run("cache", "ls")
            #expect(repaired.status == 0 && repaired.errors.contains("the index was damaged"), "\(repaired.errors)")
            let again = try await run(mirror, "cache ls")
            #expect(again.output == repaired.output)
        }
    }

    @Test("An interrupted write to the index is told of instead of being read as it is", .requires(.tool("python3")))
    func hotJournal() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let index = "\(mirror.workspace.cache)/index.sqlite"
            let script = """
                import os, sqlite3
                database = sqlite3.connect("\(index)", isolation_level=None)
                database.execute("PRAGMA cache_size = 1")
                database.execute("BEGIN IMMEDIATE")
                database.execute("CREATE TABLE junk (x)")
                for i in range(200): database.execute("INSERT INTO junk VALUES (randomblob(4000))")
                os._exit(0)
                """
            let killed = try await mirror.workspace.launch(["python3", "-c", script])
            try #require(killed.status == 0, "\(killed.errors)")
            let result = try await run(mirror, "cache stats")
            #expect(result.status == 1)
            #expect(
                result.errors.contains("a write to its index was interrupted and must be undone"),
                "\(result.errors)"
            )
            #expect(try await mirror.workspace.run("cache", "stats").status == 0)
        }
    }
}
