import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// Entries of other programs in `index.json` that have full names, when the index is made or made anew.
@Suite(.timeLimit(.minutes(10)))
struct ForeignEntryTests {
    private static let image = SampleImage.image(layers: [.init(seed: 71, size: 900)])
    private static let other = SampleImage.image(layers: [.init(seed: 72, size: 800)], labels: ["a": "b"])

    @Test(
        "They are no names of the cache's and stay to the byte, also when the index is lost",
        arguments: ["mytool:1", "docker.io/library/mytool:1", "registry.example.com/a/b:1"],
        [true, false]
    )
    func named(name: String, hasBackup: Bool) async throws {
        try await TemporaryDirectory.with { path in
            let timed = TimedCache(path: "\(path)/layout")
            try LayoutIndexTests.writeLayout(of: Self.other, named: name, at: timed.path)
            let text = String(buffer: try contents("\(timed.path)/index.json"))
            let entry = try #require(text.split(separator: "[").last?.split(separator: "]").first)
            for tag in ["1", "2"] {
                try await timed.open { cache async throws in
                    try await NamesTests.store(Self.image, in: cache, as: tag, of: "a")
                    try await cache.writeLayout()
                    #expect(try await cache.names.locations(isWhole: false) == [RepositoryReference("a")])
                    let restoration = try await cache.recovery.restoration()
                    #expect(tag == "1" ? restoration == nil : restoration?.lostNames == [])
                    _ = try await cache.collect(CollectionOptions(grace: .zero))
                }
                let written = String(buffer: try contents("\(timed.path)/index.json"))
                #expect(written.contains(entry) && written.contains("docker.io/library/a:\(tag)"))
                if hasBackup { try remove("\(timed.path)/index.sqlite") } else { try LayoutIndexTests.lose(timed) }
                timed.advance(hours: 48)
            }
            #expect(try timed.stored() == Self.image.digests.union(Self.other.digests))
        }
    }

    @Test("Names of the cache's that another program has written in its own way come back, and stand there once")
    func rewritten() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "a")
                try await NamesTests.store(Self.other, in: cache, as: "2", of: "a")
                try await cache.writeLayout()
            }
            let text = String(buffer: try contents("\(timed.path)/index.json"))
            let theirs = text.replacing("\"digest\":", with: " \"digest\": ")
            try write(ByteBuffer(string: theirs), to: "\(timed.path)/index.json")
            try LayoutIndexTests.lose(timed)
            try await timed.open { cache async throws in
                #expect(try await cache.names.tags(of: RepositoryReference("a")).map { "\($0.0)" } == ["1", "2"])
                try await cache.writeLayout()
            }
            #expect(String(buffer: try contents("\(timed.path)/index.json")) == text)
        }
    }
}
