import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ReferrerBatchTests {
    @Test("Many entries of lists are written in a few transactions, in their order, and again in none")
    func batches() async throws {
        let digests = (0..<600).map { Descriptor(mediaType: .ociManifest, bytes: ByteBuffer(string: "\($0)")).digest }
        let subject = SampleImage.image().digest
        let places = try ["pub", "other"].map { try RepositoryReference($0) }
        let listings = places.flatMap { place in
            (digests + [subject] + digests).map { ReferrerLists.Listing($0, of: subject, in: place) }
        }
        try await withCache { cache, _ in
            let before = cache.transactionCount
            try await cache.referrers.add(listings)
            let after = cache.transactionCount
            #expect(after - before <= 10, "\(after - before) transactions")
            for place in places { #expect(try await cache.referrers.listed(of: subject, in: place) == digests) }
            try await cache.referrers.add(listings.filter { $0.referrer != subject })
            #expect(cache.transactionCount == after)
        }
    }
}
