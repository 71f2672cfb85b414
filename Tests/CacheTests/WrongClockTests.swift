import Cache
import CacheSupport
import TestSupport
import Testing

/// Collections of what was used while the clock was wrong.
@Suite(.timeLimit(.minutes(2)))
struct WrongClockTests {
    @Test("What was used while the clock was ahead stays within a grace, and without one goes")
    func wrongClock() async throws {
        let content = bytes(5000)
        try await TimedCache.with { timed async throws in
            try await timed.open { try await $0.add(content) }
            // Or else it is behind now: what was used lately must not go for that.
            timed.advance(hours: -24 * 365)
            try await timed.open { cache async throws in
                #expect(try await cache.inventory.recentGarbage().blobs == 1)
                #expect(try await cache.collect().blobs == 0)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 1)
            }
            #expect(try timed.stored().isEmpty)
            try await timed.open { try await $0.add(content) }
            // A clock may go back a little while others are at work.
            timed.advance(hours: -1)
            try await timed.open { cache async throws in
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
            }
        }
    }

    @Test("What still lies ahead after a week was used when that was seen, unless the clock was behind meanwhile")
    func clockThatWasAhead() async throws {
        let content = bytes(5000)
        try await TimedCache.with { timed async throws in
            try await timed.open { try await $0.add(content) }
            timed.advance(hours: -24 * 365)
            let blobs = { (hours: Int64) in
                timed.advance(hours: hours)
                return try await timed.open { try await $0.collect().blobs }
            }
            #expect(try await blobs(0) == 0)
            // As it was when the content came.
            #expect(try await blobs(24 * 365) == 0)
            #expect(try await blobs(-24 * 365) == 0)
            #expect(try await blobs(24 * 6) == 0)
            #expect(try await blobs(24 * 2) == 1)
            #expect(try timed.stored().isEmpty)
        }
    }
}
