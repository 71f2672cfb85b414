import Cache
import OCI
import Sync
import TestSupport
import Testing

/// What the cache keeps of a tag of which several entries choose different platforms.
@Suite(.timeLimit(.minutes(10)))
struct PartialImageTests: ReferrerMirroring {
    private static let platforms = ["amd64", "arm64", "s390x"]

    private static func image(seed: UInt64 = 1) -> SampleImage {
        .multiPlatform(platforms: platforms.map { Platform(os: "linux", architecture: $0) }, seed: seed)
    }

    private let image = Self.image()

    /// An entry for some platforms, to a repository of its own.
    private func part(_ source: ScriptedRegistry, _ target: ScriptedRegistry, _ platforms: String...) -> String {
        let list = platforms.map { "linux/\($0)" }.joined(separator: ", ")
        return "source: '\(source.host)/app', target: '\(target.host)/\(platforms[0])', tag: v1, check_digest: true, "
            + "platforms: [\(list)]"
    }

    /// The platforms of which the cache holds the manifest after a collection, by their positions.
    private func held(_ mirror: MirrorRun, of image: SampleImage) async throws -> [Int] {
        try await mirror.withCache { cache async throws in
            _ = try await cache.collect(CollectionOptions(grace: .zero))
            return try image.manifests.dropLast().indices.filter { try cache.contains(image.manifests[$0].descriptor) }
        }
    }

    @Test(
        "What two entries choose of one tag stays through a collection, and is not downloaded again",
        arguments: 1...4
    )
    func bothStay(_: Int) async throws {
        try await between(interfaceAt: false, false) { source, first async throws in
            source.load(image, repository: repository, tag: "v1")
            try await ScriptedRegistry.with { second async throws in
                try await MirrorRun.with { mirror async throws in
                    var mirror = mirror
                    #expect(
                        try await mirror.run(part(source, first, "arm64"), part(source, first, "amd64")).synced == 2
                    )
                    #expect(try await held(mirror, of: image).count >= 2)
                    source.forgetRequests()
                    #expect(
                        try await mirror.run(part(source, second, "amd64"), part(source, second, "arm64")).synced == 2
                    )
                    #expect(source.count("GET", pathContains: "/blobs/") == 0)
                    mirror.isOffline = true
                    let offline = try await ScriptedRegistry.with { third async throws in
                        try await mirror.run(part(source, third, "arm64"), part(source, third, "amd64", "arm64"))
                    }
                    #expect(offline.synced == 2 && offline.rows.allSatisfy { $0.warnings.isEmpty })
                }
            }
        }
    }

    @Test("What an entry does not choose any more goes, unless another entry chooses it")
    func narrowed() async throws {
        try await between(interfaceAt: false, false) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror async throws in
                let other = part(source, target, "s390x")
                #expect(try await mirror.run(part(source, target, "amd64", "arm64", "s390x"), other).synced == 2)
                #expect(try await held(mirror, of: image) == [0, 1, 2])
                #expect(try await mirror.run(part(source, target, "amd64"), other).synced == 1)
                #expect(try await held(mirror, of: image) == [0, 2])
                #expect(try await mirror.run(part(source, target, "amd64", "arm64")).synced == 1)
                #expect(try await mirror.run(part(source, target, "amd64")).synced == 1)
                #expect(try await held(mirror, of: image) == [0, 2])
            }
        }
    }

    @Test(
        "After names were lost a tag stands for what each entry has of it, or is told where the source has moved on",
        arguments: [(false, 0), (true, 1)]
    )
    func recovered(isMoved: Bool, unnamed: Int) async throws {
        try await between(interfaceAt: false, false) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror async throws in
                let entries = ["amd64", "arm64"].map {
                    part(source, target, $0).replacing("check_digest: true, ", with: "")
                }
                #expect(try await mirror.run(entries).synced == 2)
                let index = "rm -r '\(mirror.cacheDirectory)'/index.* '\(mirror.cacheDirectory)'/backup"
                try await Tool.check("sh", ["-c", index])
                if isMoved { source.load(Self.image(seed: 2), repository: repository, tag: "v1") }
                let report = try await mirror.run(entries)
                #expect(report.rows.map(\.status) == [.upToDate, .upToDate] && report.unnamed == unnamed)
                guard !isMoved else { return }
                try await mirror.withCache { try await $0.recovery.noteCompleteRun() }
                #expect(try await held(mirror, of: image) == [0, 1])
            }
        }
    }

    @Test("Of a tag that has moved nothing stays but what is in its new image too")
    func moved() async throws {
        try await between(interfaceAt: false, false) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror async throws in
                let entries = [part(source, target, "amd64"), part(source, target, "arm64")]
                #expect(try await mirror.run(entries).synced == 2)
                let next = Self.image(seed: 2)
                source.load(next, repository: repository, tag: "v1")
                #expect(try await mirror.run(entries).synced == 2)
                #expect(try await held(mirror, of: image) == [])
                #expect(try await held(mirror, of: next) == [0, 1])
            }
        }
    }
}
