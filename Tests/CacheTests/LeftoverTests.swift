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
}
