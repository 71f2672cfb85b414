import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

/// What is held in a cache that stays open for months.
@Suite(.timeLimit(.minutes(10)))
struct LeaseTests {
    private let image = SampleImage.image(layers: [.init(seed: 21, size: 5000)])
    private let everything = CollectionOptions(grace: .zero)

    @Test("What a piece of work holds is kept while it runs, also beside others, and no longer")
    func meanwhile() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "b")
                #expect(try await cache.remove("1", of: "b"))
                try await cache.holdingMeanwhile { work async throws in
                    try await work.hold(image.all)
                    try await cache.holdingMeanwhile { _ = try await $0.hold([image.top]) }
                    #expect(try await cache.collect(everything).blobs == 0)
                }
                #expect(try timed.count("lease_items") == 0 && timed.count("leases") == 0)
                #expect(try await cache.collect(everything).bytes == image.bytes)
            }
        }
    }

    @Test("It is given up also by work that fails or is cancelled")
    func failure() async throws {
        struct Failure: Error {}
        try await TimedCache.with { timed async throws in
            try await timed.open { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "b")
                await #expect(throws: Failure.self) {
                    try await cache.holdingMeanwhile { work async throws in
                        try await work.hold(image.all)
                        throw Failure()
                    }
                }
                let cancelled = Task { [image] in
                    try await cache.holdingMeanwhile { work async throws in
                        try await work.hold(image.all)
                        withUnsafeCurrentTask { $0?.cancel() }
                        try Task.checkCancellation()
                    }
                }
                await #expect(throws: CancellationError.self) { try await cancelled.value }
                #expect(try timed.count("lease_items") == 0)
                #expect(try names("\(timed.path)/leases") == [])
            }
        }
    }
}
