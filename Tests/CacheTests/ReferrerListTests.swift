import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

/// What refers to an image is known by the repository that lists it.
@Suite(.timeLimit(.minutes(10)))
struct ReferrerListTests {
    private static let image = SampleImage.image(layers: [.init(seed: 71, size: 5000)])
    private static let signatures = (0..<3).map { SampleImage.artifact(of: image.top, content: "signature \($0)") }

    private static func place(_ name: String) throws -> RepositoryReference { try RepositoryReference(name) }

    /// The image in two repositories, and signatures that neither lists yet.
    private static func fill(_ cache: ContentCache) async throws {
        for repository in ["pub", "other"] {
            try await NamesTests.store(image, in: cache, as: "1", of: repository)
        }
        for signature in signatures { try await store(signature, in: cache) }
    }

    private static func store(_ artifact: SampleImage, in cache: ContentCache) async throws {
        let source = FakeSource(Array(artifact.blobBytes.values))
        for part in artifact.blobs { try await cache.follow(part.descriptor, from: source).whenCommitted() }
        for part in artifact.manifests {
            let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
            try await cache.store(manifest, from: place("other"))
        }
    }

    private static func listed(_ cache: ContentCache, in name: String) async throws -> [Digest] {
        try await cache.referrers.here(of: image.digest, in: place(name)).map(\.digest)
    }

    @Test("One repository's list is not another's, keeps its order, and names what is not here without harm")
    func lists() async throws {
        let digests = Self.signatures.map(\.digest)
        try await withCache { cache, _ in
            try await Self.fill(cache)
            #expect(try await Self.listed(cache, in: "other").isEmpty)
            let absent = SampleImage.artifact(of: Self.image.top, content: "absent").top
            let order = [Self.signatures[2].top, absent, Self.signatures[0].top, Self.signatures[2].top]
            try await cache.referrers.set(of: Self.image.digest, in: Self.place("other"), to: order)
            #expect(try await Self.listed(cache, in: "other") == [digests[2], digests[0]])
            #expect(try await Self.listed(cache, in: "pub").isEmpty)
            let transactions = cache.transactionCount
            try await cache.referrers.set(of: Self.image.digest, in: Self.place("other"), to: order)
            #expect(cache.transactionCount == transactions)
            try await cache.referrers.add(of: Self.image.digest, in: Self.place("pub"), [Self.signatures[1].top])
            try await cache.referrers.add(of: Self.image.digest, in: Self.place("other"), [order[0], order[2]])
            #expect(try await Self.listed(cache, in: "other") == [digests[2], digests[0]])
            #expect(try await Self.listed(cache, in: "pub") == [digests[1]])
        }
    }

    @Test("Of two that change a list one waits for the other, also in another process")
    func exclusively() async throws {
        try await TemporaryDirectory.with { path in
            let configuration = configuration("\(path)/cache", clock: ContinuousClock())
            try await ContentCache.with(configuration) { one async throws in
                try await ContentCache.with(configuration) { other async throws in
                    let (subject, target) = (Self.image.digest, try Self.place("pub"))
                    let order = Watched<[String]>([])
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        try await one.referrers.exclusively(subject, at: target) {
                            group.addTask {
                                try await other.referrers.exclusively(subject, at: target) {
                                    order.update { $0.append("other") }
                                }
                            }
                            try await other.referrers.exclusively(subject, at: Self.place("other")) {}
                            for _ in 0..<100 { await Task.yield() }
                            order.update { $0.append("one") }
                        }
                        try await group.waitForAll()
                    }
                    #expect(order.value == ["one", "other"])
                }
                // Who has it may wait for its target for as long as that wants.
                var hasty = configuration
                hasty.lockTimeout = .zero
                try await ContentCache.with(hasty) { other async throws in
                    let place = try Self.place("pub")
                    try await one.referrers.exclusively(Self.image.digest, at: place) {
                        try await other.referrers.exclusively(Self.image.digest, at: place) {}
                    }
                }
            }
        }
    }

    @Test("What a target was given is not what it lists, keeps nothing, and is forgotten when nothing of it is here")
    func given() async throws {
        let digests = Self.signatures.map(\.digest)
        let absent = SampleImage.artifact(of: Self.image.top, content: "absent").digest
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await Self.fill(cache)
                let (subject, target) = (Self.image.digest, try Self.place("pub"))
                let gift = GivenReferrers.Gift(of: subject, from: try Self.place("other"), to: target)
                let first = Set([digests[0], absent, subject])
                try await cache.given.announce(first.union([digests[1]]), in: gift)
                #expect(try await cache.given.all(of: subject, to: target).isEmpty)
                try await cache.given.note(.init(listed: first, tagged: [digests[1]]), in: gift)
                #expect(try await Self.listed(cache, in: "pub").isEmpty)
                #expect(try await cache.given.all(of: subject, to: target) == [digests[0], digests[1], absent])
                let content = try await cache.given.content(of: gift)
                #expect(content == .init(listed: [digests[0], absent], tagged: [digests[1]]))
                let transactions = cache.transactionCount
                try await cache.given.announce(first, in: gift)
                try await cache.given.note(.init(listed: [digests[0]], tagged: [digests[1]]), in: gift)
                try await cache.given.forget([digests[2]], in: gift)
                #expect(cache.transactionCount == transactions)
                try await cache.given.note(.init(listed: [digests[2]]), in: gift)
                try await cache.given.forget([digests[1]], in: gift)
                #expect(try await cache.given.all(of: subject, to: target) == [digests[0], digests[2], absent])
                try await cache.referrers.set(of: subject, in: target, to: [])
                #expect(try await cache.given.all(of: subject, to: target).count == 3)
                #expect(try await cache.given.others(than: gift).isEmpty)
                let beside = GivenReferrers.Gift(of: subject, from: try Self.place("third"), to: target)
                #expect(try await cache.given.others(than: beside) == [digests[0], digests[2], absent])
                #expect(try await cache.given.content(of: beside) == .init())
                try remove(file(digests[2], in: timed.path))
                #expect(try timed.count("given_referrers") == 3)
            }
            timed.advance(hours: 48)
            try await timed.open { cache async throws in
                _ = try await cache.collect()
                #expect(try timed.count("given_referrers") == 3)
                #expect(!(try timed.stored().contains(digests[0])))
                for name in ["pub", "other"] { _ = try await cache.names.remove("1", of: Self.place(name)) }
                for _ in 0..<2 { _ = try await cache.collect() }
            }
            #expect(try timed.count("given_referrers") == 0)
        }
    }

    @Test("What a repository lists no more is collected, and all of its list with its last name")
    func collected() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await Self.fill(cache)
                for (name, numbers) in [("other", [0, 1]), ("pub", [1, 2])] {
                    let list = numbers.map { Self.signatures[$0].top }
                    try await cache.referrers.set(of: Self.image.digest, in: Self.place(name), to: list)
                }
            }
            timed.advance(hours: 3)
            try await timed.open { cache async throws in
                #expect(try await cache.collect().blobs == 0)
                try await cache.referrers.set(
                    of: Self.image.digest,
                    in: Self.place("other"),
                    to: [Self.signatures[1].top]
                )
                #expect(try await cache.collect().bytes == Self.own(0))
                #expect(try await cache.remove("1", of: "pub"))
                #expect(try await cache.collect().bytes == Self.own(2))
                #expect(try await Self.listed(cache, in: "other") == [Self.signatures[1].digest])
                #expect(try await cache.remove("1", of: "other"))
                _ = try await cache.collect()
            }
            #expect(try timed.stored().isEmpty)
            #expect(try timed.count("referrers") == 0)
        }
    }

    /// The bytes that a signature shares with no other.
    private static func own(_ number: Int) -> Int64 {
        signatures[number].all.reduce(0) { $0 + $1.size } - (signatures[number].blobs.first?.descriptor.size ?? 0)
    }

    @Test("Lists that lead in a circle keep nothing")
    func circle() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for signature in Self.signatures { try await Self.store(signature, in: cache) }
                // As an upstream may say, whatever the manifests do.
                for number in 0..<3 {
                    let (subject, next) = (Self.signatures[number], Self.signatures[(number + 1) % 3])
                    try await cache.referrers.set(of: subject.digest, in: Self.place("pub"), to: [next.top])
                }
            }
            timed.advance(hours: 3)
            try await timed.open { _ = try await $0.collect() }
            #expect(try timed.stored().isEmpty)
        }
    }

    @Test("Lists of what is not here go with a collection, unless a part of them is here")
    func needless() async throws {
        let absent = SampleImage.image(labels: ["absent": "yes"])
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await Self.store(Self.signatures[0], in: cache)
                try await cache.referrers.set(
                    of: absent.digest,
                    in: Self.place("pub"),
                    to: [Self.signatures[0].top, SampleImage.artifact(of: absent.top).top]
                )
                #expect(try timed.count("referrers") == 2)
                _ = try await cache.collect()
                #expect(try timed.count("referrers") == 1)
            }
            timed.advance(hours: 3)
            try await timed.open { _ = try await $0.collect() }
            try await timed.open { _ = try await $0.collect() }
            #expect(try timed.count("referrers") == 0)
        }
    }

    @Test(
        "Whoever is tagged in a repository is listed there, in whatever order the tags come",
        arguments: [true, false]
    )
    func tagged(isFirst: Bool) async throws {
        let signature = Self.signatures[0]
        try await withCache { cache, _ in
            let images = [(signature, "sig"), (Self.image, "1")]
            for (image, tag) in isFirst ? images : images.reversed() {
                try await NamesTests.store(image, in: cache, as: tag, of: "pub")
            }
            try await NamesTests.store(Self.image, in: cache, as: "1", of: "other")
            #expect(try await Self.listed(cache, in: "pub") == [signature.digest])
            #expect(try await Self.listed(cache, in: "other").isEmpty)
        }
    }

    @Test("A tag that moves, and a name that is pulled again, leave the repository's lists")
    func moves() async throws {
        let next = SampleImage.image(layers: [.init(seed: 72, size: 500)])
        try await withCache { cache, _ in
            try await NamesTests.store(Self.image, in: cache, as: "1", of: "other")
            try await NamesTests.store(next, in: cache, as: "2", of: "other")
            try await Self.store(Self.signatures[0], in: cache)
            let place = try Self.place("pub")
            for image in [Self.image, next, Self.image] {
                try await cache.names.recordPulled(.tag("1"), of: place, as: image.top)
                try await cache.referrers.add(of: Self.image.digest, in: place, [Self.signatures[0].top])
                #expect(try await Self.listed(cache, in: "pub").count == 1)
            }
            try await cache.names.record("1", of: place, as: Self.image.top)
            #expect(try await Self.listed(cache, in: "pub").count == 1)
        }
    }

    @Test("When the index is lost, what is new since the backup is listed where the subject has names")
    func rebuilt() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "pub")
                try await Self.store(Self.signatures[0], in: cache)
                try await Self.store(Self.signatures[1], in: cache)
                let list = [Self.signatures[0].top]
                try await cache.referrers.set(of: Self.image.digest, in: Self.place("pub"), to: list)
            }
            let backup = try #require(try names("\(timed.path)/backup").last)
            let kept = try contents("\(timed.path)/backup/\(backup)")
            try await timed.open { cache async throws in
                try await Self.store(Self.signatures[2], in: cache)
                let list = [Self.signatures[0].top, Self.signatures[2].top]
                try await cache.referrers.set(of: Self.image.digest, in: Self.place("pub"), to: list)
            }
            for name in try names("\(timed.path)/backup") { try remove("\(timed.path)/backup/\(name)") }
            try write(kept, to: "\(timed.path)/backup/\(backup)")
            try remove("\(timed.path)/index.sqlite")
            try await timed.open { cache async throws in
                // The second one was no longer listed, and the backup says so.
                let expected = [0, 2].map { Self.signatures[$0].digest }
                #expect(try await Self.listed(cache, in: "pub") == expected)
            }
        }
    }

    @Test("A cache of the version before lists what refers to an image where that is named, if it came from there")
    func upgraded() async throws {
        // Of version 0.1.0's cache, an image with three tags in one repository.
        let subject = "acb76029315d2bc2e1a703c2ef79d22c597aac6412ab9d2845da467594532039"
        try await FormerCacheTests.withCopy { path in
            let timed = TimedCache(path: path)
            for (key, source) in [("11", "NULL"), ("22", "'a'"), ("33", "'elsewhere'")] {
                let digest = "X'01\(String(repeating: key, count: 32))'"
                try timed.execute(
                    """
                    INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (\(digest), 9, 'ok', 0, 0);
                    INSERT INTO manifests (digest, media_type)
                        VALUES (\(digest), 'application/vnd.oci.image.manifest.v1+json');
                    INSERT INTO edges VALUES (\(digest), 'subject', 0, X'01\(subject)', 'a/b', 9);
                    INSERT INTO blob_sources SELECT \(digest), '127.0.0.1:5061', \(source) WHERE \(source) IS NOT NULL;
                    """
                )
            }
            try await timed.open { _ in }
            #expect(try timed.count("referrers") == 2)
            let right = "host = '127.0.0.1:5061' AND repository = 'a' AND subject = X'01\(subject)'"
            for (position, key) in ["11", "22"].enumerated() {
                let digest = "X'01\(String(repeating: key, count: 32))'"
                #expect(
                    try timed.count("referrers WHERE \(right) AND position = \(position) AND referrer = \(digest)") == 1
                )
                #expect(try timed.count("blobs WHERE digest = \(digest) AND keepers = 1") == 1)
            }
            let digest = "X'01\(String(repeating: "33", count: 32))'"
            #expect(try timed.count("blobs WHERE digest = \(digest) AND keepers = 0") == 1)
        }
    }
}
