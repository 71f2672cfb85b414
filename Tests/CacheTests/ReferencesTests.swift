import GRDB
import OCI
import TestSupport
import Testing

@testable import Cache

/// The model of what keeps what, against marking everything that can be reached, on thousands of small graphs.
@Suite(.timeLimit(.minutes(10)))
struct ReferencesTests {
    private static let protections: [References.Protection] = [
        .named, .lasting, .collecting(RecentUse(after: RandomGraph.cutoff, until: .max)),
    ]

    private static func isProtected(_ blob: RandomGraph.Blob, _ protection: References.Protection) -> Bool {
        guard blob.isRecorded else { return false }
        return switch protection {
        case .named: blob.isNamed
        case .lasting: blob.isNamed || blob.isAwaited
        case .collecting(let recent): blob.isNamed || blob.isAwaited || blob.isLeased || recent.contains(blob.usedAt)
        }
    }

    private func forEachGraph(
        _ count: Int,
        seed: UInt64,
        _ body: (Database, RandomGraph, _ name: String) throws -> Void
    ) async throws {
        let queue = try DatabaseQueue()
        try Schema.migrator.migrate(queue)
        var generator = SplitMix(state: seed)
        for number in 0..<count {
            let graph = RandomGraph(using: &generator)
            try check(queue, graph, using: &generator) { try body($0, graph, "graph \(number) of seed \(seed)") }
            // Other tests run on the same threads.
            await Task.yield()
        }
    }

    private func check(
        _ queue: DatabaseQueue,
        _ graph: RandomGraph,
        using generator: inout SplitMix,
        _ body: (Database) throws -> Void
    ) throws {
        try queue.write { db in
            try graph.write(db, using: &generator)
            try body(db)
        }
    }

    private func roots(_ graph: RandomGraph, _ protection: References.Protection) -> [Int] {
        graph.blobs.indices.filter { Self.isProtected(graph.blobs[$0], protection) }
    }

    @Test("What is kept is what something protected leads to; what is not recorded too", arguments: [1, 2])
    func kept(seed: UInt64) async throws {
        try await forEachGraph(200, seed: seed) { db, graph, name in
            for protection in Self.protections {
                let reached = graph.reached(from: roots(graph, protection))
                var search = KeeperSearch(protection)
                // What was remembered of the first answers must not spoil later ones.
                for position in graph.blobs.indices {
                    let isKept = try search.isKept(db, graph.blobs[position].digest)
                    #expect(isKept == reached.contains(position), "\(name), \(protection), blob \(position)")
                }
            }
        }
    }

    @Test(
        "Garbage is all that is recorded and not reached, each blob once, keepers before what they keep",
        arguments: [3, 4]
    )
    func garbage(seed: UInt64) async throws {
        try await forEachGraph(200, seed: seed) { db, graph, name in
            for protection in Self.protections {
                let reached = graph.reached(from: roots(graph, protection))
                let expected = graph.blobs.indices.filter { graph.blobs[$0].isRecorded && !reached.contains($0) }
                var found: [Digest] = []
                var walk = Garbage(protection)
                while try !walk.run(db, ReadPage(), { found.append($0.digest) }) {}
                #expect(Set(found) == Set(expected.map { graph.blobs[$0].digest }), "\(name), \(protection)")
                #expect(found.count == expected.count, "\(name), \(protection)")
            }
        }
    }

    @Test("With an image's names goes what nothing else keeps, whether circles hold it or not", arguments: [5, 6])
    func released(seed: UInt64) async throws {
        try await forEachGraph(200, seed: seed) { db, graph, name in
            for image in graph.blobs.indices where graph.blobs[image].isNamed {
                let others = roots(graph, .named).filter { $0 != image }
                let before = graph.reached(from: others + [image])
                let lost = before.subtracting(graph.reached(from: others)).filter { graph.blobs[$0].isRecorded }
                var found: [Digest] = []
                var release = Release(.named, isThorough: true)
                _ = try release.takeNames(db, of: [graph.blobs[image].digest])
                while try !release.run(db, ReadPage(), { found.append($0.digest) }) {}
                #expect(found.count == Set(found).count, "\(name), image \(image)")
                // What nothing kept before may be counted with it, as it hangs on what goes.
                let unkept = Set(graph.blobs.indices).subtracting(before).map { graph.blobs[$0].digest }
                #expect(
                    Set(found).subtracting(unkept) == Set(lost.map { graph.blobs[$0].digest }),
                    "\(name), image \(image)"
                )
            }
        }
    }

    @Test("The counts that triggers keep are those of the rows", arguments: [7])
    func counts(seed: UInt64) async throws {
        try await forEachGraph(200, seed: seed) { db, graph, name in
            for position in graph.blobs.indices where graph.blobs[position].isRecorded {
                let recorded = Set(graph.blobs.indices.filter { graph.blobs[$0].isRecorded })
                let expected =
                    graph.contained.count { $0.child == position }
                    + graph.listed.count { $0.referrer == position && recorded.contains($0.subject) }
                let count = try References.blob(db, graph.blobs[position].digest)?.count
                #expect(count == expected, "\(name), blob \(position)")
            }
        }
    }

    @Test("All images that nothing but names keeps can make room, also those that keep each other", arguments: [7, 8])
    func evicted(seed: UInt64) async throws {
        let recent = RecentUse(after: RandomGraph.cutoff, until: .max)
        try await forEachGraph(200, seed: seed) { db, graph, name in
            let kept = graph.reached(
                from: graph.blobs.indices.filter { position in
                    var blob = graph.blobs[position]
                    blob.isNamed = false
                    return Self.isProtected(blob, .collecting(recent))
                }
            )
            let expected = graph.blobs.indices.filter { graph.blobs[$0].isNamed && !kept.contains($0) }
            let candidates = graph.blobs.filter(\.isNamed).map {
                EvictionCandidate(digest: $0.digest, names: 1, updatedAt: 0, lastUse: $0.usedAt)
            }
            var plan = EvictionPlan(candidates, after: Release(.collecting(recent)), excess: .max)
            while try !plan.run(db, ReadPage()) {}
            let digests = plan.evictions.flatMap(\.digests)
            #expect(Set(digests) == Set(expected.map { graph.blobs[$0].digest }), "\(name)")
            #expect(digests.count == expected.count, "\(name)")
            var search = KeeperSearch(.collecting(recent))
            let unnamed = try plan.evictions.filter { try !$0.unname(db, &search, at: 1).isEmpty }
            #expect(unnamed.count == plan.evictions.count, "\(name)")
            let left = try Digest.fetchAll(db, sql: "SELECT digest FROM names")
            #expect(Set(left).isDisjoint(with: digests), "\(name)")
        }
    }
}
