import CacheSupport
import GRDB
import OCI
import TestSupport
import Testing

@testable import Cache

/// Tags of targets of which it is not known what they are.
@Suite(.timeLimit(.minutes(1)))
struct DoubtTests {
    @Test("To find that a tag is not in doubt takes no longer with half a million others that are")
    func many() async throws {
        let location = try RepositoryReference("mirror.example.com/a")
        try await withCache { cache, _ async throws in
            try await cache.store.index.write { db in
                try db.execute(
                    sql: """
                        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)
                        INSERT INTO doubts (host, repository, tag) SELECT ?, ?, 'v' || i FROM n
                        """,
                    arguments: [location.host, location.repository]
                )
            }
            for number in 0..<2000 {
                try await cache.copies.settleDoubt(Names.Place(location: location, tag: TagName("w\(number)")))
            }
            try await cache.copies.settleDoubt(Names.Place(location: location, tag: "v7"))
            let tags = try await cache.copies.doubts(in: location)
            #expect(tags.count == 499_999 && !tags.contains("v7") && tags.contains("v8"))
        }
    }
}
