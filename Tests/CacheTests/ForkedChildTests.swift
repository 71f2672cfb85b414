import CacheSupport
import Glibc
import HeldChild
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// Locks beside a child that somebody else has forked and that does not run its own program yet: it has a copy of every
/// descriptor, so that closing one frees nothing.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ForkedChildTests {
    @Test("A file's lock is free when its last user lets go of it", arguments: [LockMode.shared, .exclusive])
    func openFile(_ mode: LockMode) async throws {
        try await TemporaryDirectory.with { path in
            let directory = try Directory(path: path)
            var file: OpenFile? = try directory.openFile("lock", flags: O_RDWR | O_CREAT)
            #expect(try file?.tryLock(mode) == true)
            let child = held_child_begin()
            defer { held_child_end(child) }
            file = nil
            #expect(try directory.openFile("lock", flags: O_RDWR).tryLock(.exclusive))
        }
    }

    @Test("A lease, a download and the store's own lock are free when their scope ends")
    func scope() async throws {
        let content = bytes(3_000_000)
        try await TemporaryDirectory.with { path in
            var child: pid_t = -1
            defer { held_child_end(child) }
            try await ContentCache.with(configuration(path)) { cache in
                _ = try await cache.hold([blob(content)])
                let reader = try await cache.follow(blob(content), from: FakeSource([content]))
                _ = try await reader.read(at: 0, atMost: 1)
                child = held_child_begin()
                #expect(try await reader.all() == content)
            }
            for name in try Files.tree(path) {
                let directory = try Directory(path: path)
                #expect(try directory.openFile(name, flags: O_RDONLY).tryLock(.exclusive), "\(name) is still locked")
            }
        }
    }
}
