import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(10)))
struct DirectoryTests {
    @Test("A file that was removed while it was looked at has no other names")
    func names() async throws {
        try await TemporaryDirectory.with { path in
            try write(bytes(1), to: "\(path)/a")
            let directory = try Directory(path: path)
            let file = try directory.openFile("a", flags: O_RDONLY)
            #expect(link("\(path)/a", "\(path)/b") == 0)
            #expect(try file.status().hasOtherNames)
            try directory.remove("a")
            #expect(try !file.status().hasOtherNames)
            try directory.remove("b")
            #expect(try !file.status().hasOtherNames)
        }
    }

    @Test("A directory that cannot be read to its end is an error, not a short one")
    func unreadable() async throws {
        try await TemporaryDirectory.with { path in
            for name in ["a", "b"] { try write(bytes(1), to: "\(path)/\(name)") }
            let directory = try Directory(path: path)
            #expect(try directory.names().sorted() == ["a", "b"])
            try await withFaulty("readdir", on: path, code: EIO) { _ in
                #expect(throws: SystemError(call: "readdir", code: EIO)) { try directory.names() }
                #expect(throws: SystemError(call: "readdir", code: EIO)) { try directory.isEmpty() }
            }
        }
    }

    @Test(
        "Leases of the living stay when their directory cannot be read",
        arguments: ["leases", "ingest", "blobs/sha256"]
    )
    func leases(name: String) async throws {
        let content = bytes(1000)
        try await TimedCache.with { timed in
            try await timed.open { cache in
                try await cache.follow(blob(content), from: FakeSource([content])).whenCommitted()
                #expect(try await cache.hold([blob(content)]) == [blob(content).digest])
                timed.advance(hours: 30)
                try await withFaulty("readdir", on: "\(timed.path)/\(name)", code: EIO) { _ in
                    await #expect(throws: CacheError.self) {
                        try await timed.open { _ = try await $0.collect(CollectionOptions(grace: .zero)) }
                    }
                }
                #expect(try timed.stored() == [blob(content).digest])
                #expect(try timed.count("lease_items") == 1)
            }
        }
    }

    @Test(
        "A pipe in the place of a lock, a lease or a blob keeps nobody waiting",
        arguments: [
            "leases/pipe", "ingest/anon-pipe", "locks/00", "blobs/sha256/" + String(repeating: "a", count: 64),
        ]
    )
    func pipe(name: String) async throws {
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { _ in }
            unlink("\(path)/\(name)")
            try #require(mkfifo("\(path)/\(name)", 0o600) == 0)
            try await ContentCache.with(configuration(path)) { cache in
                _ = try await cache.collect(CollectionOptions(grace: .zero))
                _ = try await cache.verify()
                let digest = try Digest("sha256:" + String(repeating: "a", count: 64))
                if name.hasPrefix("blobs") { #expect(try cache.blobFile(digest) == nil) }
            }
        }
    }
}
