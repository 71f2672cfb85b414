import CacheSupport
import GRDB
import OCI
import TestSupport
import Testing

@testable import Cache

/// Images and names of a large cache, page after page.
@Suite(.timeLimit(.minutes(10)))
struct ImagePageTests {
    @Test("Pages of any size list what one list does, also where one name is that of two images", arguments: [1, 2, 3])
    func pages(limit: Int) async throws {
        let first = SampleImage.image(layers: [.init(seed: 721, size: 500)])
        let second = SampleImage.image(layers: [.init(seed: 722, size: 500)], labels: ["a": "b"])
        let third = SampleImage.image(layers: [.init(seed: 723, size: 500)], labels: ["a": "c"])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for (image, tag) in [(first, "1"), (second, "2"), (third, "1")] {
                    try await NamesTests.store(image, in: cache, as: tag, of: tag == "2" ? "b" : "a")
                }
                try await cache.names.recordPulled(.tag("1"), of: RepositoryReference("a"), as: first.top)
                let all = try await cache.inventory.images().map(\.descriptor.digest)
                #expect(Set(all) == [first.digest, second.digest, third.digest])
                var paged: [Digest] = []
                var position: ImagePage.Position?
                repeat {
                    let page = try await cache.inventory.images(after: position, limit: limit)
                    paged += page.images.map(\.descriptor.digest)
                    position = page.next
                } while position != nil
                #expect(paged == all)
                var names: [CachedName] = []
                repeat {
                    let page = try await cache.inventory.names(after: position, limit: limit)
                    names += page.names
                    position = page.next
                } while position != nil
                // Of the two it is the newer one's.
                #expect(names.map { "\($0.reference)" } == ["a:1", "b:2"].map { "docker.io/library/\($0)" })
                #expect(names.map(\.digest) == [first.digest, second.digest])
                let images = try await cache.inventory.images(of: names + names.prefix(1))
                #expect(Set(images.keys) == [first.digest, second.digest])
                let listed = try await cache.inventory.images().flatMap(\.references)
                #expect(listed.map { "\($0)" } == names.map { "\($0.reference)" })
                let shown = try await cache.inventory.overview().images
                #expect(Set(shown.map(\.digest)) == Set(all) && shown.flatMap(\.references).count == names.count)
                #expect(try await cache.inventory.images(of: Array(names.suffix(1))).keys.map { $0 } == [second.digest])
            }
        }
    }

    @Test("What an image comes to is found out once, however many pages name it, and without its other names")
    func figures() async throws {
        let images = (0..<2).map { SampleImage.image(layers: [.init(seed: UInt64(731 + $0), size: 500)]) }
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                let location = try RepositoryReference("a")
                for (number, image) in images.enumerated() {
                    try await NamesTests.store(image, in: cache, as: "\(number)", of: "a")
                    for name in 1...30 {
                        try await cache.names.record(TagName("\(number)-\(name)"), of: location, as: image.top)
                    }
                }
                let names = try await cache.inventory.names(limit: 100).names
                #expect(names.count == 62)
                let statements = Watched(0)
                cache.store.index.queue.inDatabase { db in db.trace { _ in statements.update { $0 += 1 } } }
                var figures = ImageFigures(cache.inventory)
                var counts: [Int] = []
                for page in [names.prefix(40), names.suffix(22), names.prefix(62)] {
                    let found = try await figures.images(of: page)
                    counts.append(statements.value)
                    #expect(Set(found.keys) == Set(images.map(\.digest)))
                    #expect(found.values.allSatisfy { $0.references.isEmpty && $0.uniqueBytes > 500 })
                }
                #expect(counts[0] > 0 && Set(counts).count == 1)
            }
        }
    }
}
