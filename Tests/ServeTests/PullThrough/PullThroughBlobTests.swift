import Cache
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PullThroughBlobTests {
    private static let size = 3 << 20
    private let image = SampleImage.image(layers: [.init(seed: 5, size: size)])
    private var layer: SampleImage.Part { image.blobs[1] }
    private var digest: Digest { layer.descriptor.digest }

    @Test("A hundred clients of one blob cause one download, and each reads all of it from where it wants")
    func oneDownload() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.allowance = 1 << 20 }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    let offset = Int64(number % 3) * 1_000_000
                    group.addTask {
                        let expected = layer.source.buffer.getSlice(at: Int(offset), length: Self.size - Int(offset))
                        return try await fixture.read(digest, from: offset) == expected
                    }
                }
                try await fixture.upstream.wait { $0.sent == 1 << 20 }
                fixture.upstream.change { $0.allowance = .max }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(fixture.upstream.requests.filter { $0.hasPrefix("GET \(digest)") } == ["GET \(digest) from 0"])
            #expect(try fixture.cache.contains(layer.descriptor))
            _ = try await fixture.read(digest)
            #expect(fixture.upstream.sent == Self.size)
        }
    }

    @Test("A blob that a manifest names has the size that it names, whatever the upstream's HEAD tells")
    func exaggeratedSize() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            fixture.upstream.change { $0.exaggeration = 100 }
            _ = try await fixture.manifest("1")
            let found = try await fixture.content.blob(digest, of: fixture.repository, isHead: true)
            #expect(found?.size == Int64(Self.size))
            #expect(try await fixture.read(digest) == layer.source.buffer)
        }
    }

    @Test("Where the upstream says no more than that a blob is there, its size is the one that a manifest names")
    func untoldSize() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            fixture.upstream.change { $0.tellsSizes = false }
            _ = try await fixture.manifest("1")
            let found = try await fixture.content.blob(digest, of: fixture.repository, isHead: true)
            #expect(found?.size == Int64(Self.size))
        }
    }

    @Test("Clients read what has come while the rest has not, and the end only when it is right")
    func streaming() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.allowance = 1 << 20 }
            let blob = try #require(try await fixture.content.blob(digest, of: fixture.repository, isHead: false))
            let beginning = try await blob.read(at: 500_000)
            #expect(beginning.readableBytes > 0)
            #expect(try !fixture.cache.contains(layer.descriptor))
            fixture.upstream.change { $0.allowance = .max }
            #expect(try await fixture.read(digest) == layer.source.buffer)
        }
    }

    @Test("Clients read what a slow upstream has sent without waiting for more")
    func slowUpstream() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            // One piece of 64 KiB at a time, which is less than a reader at full speed waits for.
            fixture.upstream.change { $0.allowance = 1 << 16 }
            let blob = try #require(try await fixture.content.blob(digest, of: fixture.repository, isHead: false))
            var read = ByteBuffer()
            for piece in 1...5 {
                fixture.upstream.change { $0.allowance = piece << 16 }
                while read.readableBytes < piece << 16 {
                    var next = try await blob.read(at: Int64(read.readableBytes))
                    read.writeBuffer(&next)
                }
            }
            #expect(read == layer.source.buffer.getSlice(at: 0, length: 5 << 16))
            fixture.upstream.change { $0.allowance = .max }
            #expect(try await fixture.read(digest) == layer.source.buffer)
        }
    }

    @Test("A client that leaves does not stop the download")
    func clientLeaves() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.allowance = 1 << 20 }
            let left = try await leaving {
                try await fixture.upstream.wait { $0.sent == 1 << 20 }
            } _: {
                try await fixture.read(digest)
            }
            #expect(throws: (any Error).self) { _ = try left?.get() }
            fixture.upstream.change { $0.allowance = .max }
            #expect(try await fixture.read(digest) == layer.source.buffer)
            #expect(fixture.upstream.requests.filter { $0.hasPrefix("GET \(digest)") }.count == 1)
        }
    }

    @Test("Two hundred clients that leave in the middle do no harm to one that stays, nor to the cache")
    func manyLeave() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.allowance = 1 << 20 }
            try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
                group.addTask { try await fixture.read(digest) }
                try await withThrowingTaskGroup(of: Void.self) { leaving in
                    for number in 0..<200 {
                        // Some have read a part, and some are cut off while they wait for the rest.
                        leaving.addTask {
                            let blob = try await fixture.content.blob(digest, of: fixture.repository, isHead: false)
                            _ = try await blob?.read(at: Int64(number * 4000))
                            if number.isMultiple(of: 2) { _ = try await fixture.read(digest) }
                        }
                    }
                    for _ in 0..<100 { try await leaving.next() }
                    leaving.cancelAll()
                    while let result = await leaving.nextResult() { _ = result }
                }
                fixture.upstream.change { $0.allowance = .max }
                for try await bytes in group { #expect(bytes == layer.source.buffer) }
            }
            #expect(fixture.upstream.requests.filter { $0.hasPrefix("GET \(digest)") }.count == 1)
            #expect(try fixture.cache.contains(layer.descriptor))
        }
    }

    @Test("A download that breaks off ends every client's answer short, and the next request continues it")
    func broken() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.breaksAt = 2 << 20 }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        await #expect(throws: UpstreamError.self) { _ = try await fixture.read(digest) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try !fixture.cache.contains(layer.descriptor))
            fixture.upstream.change { $0.breaksAt = nil }
            #expect(try await fixture.read(digest) == layer.source.buffer)
            #expect(fixture.upstream.requests.last == "GET \(digest) from \(2 << 20)")
        }
    }

    @Test("A blob that is gone upstream is not there, although a manifest names it, and for a HEAD neither")
    func gone() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.blobs[digest] = nil }
            #expect(try await fixture.content.blob(digest, of: fixture.repository, isHead: true) == nil)
            fixture.clock.advance(by: .seconds(11))
            #expect(try await fixture.content.blob(digest, of: fixture.repository, isHead: false) == nil)
            let count = fixture.upstream.requests.count
            #expect(try await fixture.content.blob(digest, of: fixture.repository, isHead: false) == nil)
            #expect(fixture.upstream.requests.count == count)
        }
    }

    @Test("A HEAD tells the upstream's size and downloads nothing")
    func head() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image)
            let blob = try await fixture.content.blob(digest, of: fixture.repository, isHead: true)
            #expect(blob?.size == Int64(Self.size))
            #expect(fixture.upstream.requests == ["HEAD \(digest)"])
        }
    }

    @Test(
        "A request that is answered without any bytes of a blob downloads none",
        arguments: [("If-None-Match", "*", 304), ("Range", "bytes=\(size)-", 416)]
    )
    func withoutBytes(field: String, value: String, status: Int) async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            var configuration = ServerConfiguration.test()
            configuration.hosts = { [PullThroughFixture.host] }
            try await Server.with(configuration, fixture.content) { server async throws in
                let client = RawClient(try RegistryHost(server.address))
                let uri = "/v2/\(fixture.repository)/blobs/\(digest)"
                #expect(try await client.get(uri, [field: value]).status == status)
                let asked = fixture.upstream.requests
                #expect(asked.last == "HEAD \(digest)" && !asked.contains { $0.hasPrefix("GET \(digest)") })
                let part = try await client.get(uri, ["Range": "bytes=100-"])
                #expect(part.body == layer.source.buffer.getSlice(at: 100, length: Self.size - 100))
                #expect(fixture.upstream.requests == asked + ["GET \(digest) from 0"])
            }
        }
    }

    @Test("A blob that no known manifest names is fetched by the size that the upstream tells")
    func unknownSize() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image)
            #expect(try await fixture.read(digest) == layer.source.buffer)
            #expect(fixture.upstream.requests == ["HEAD \(digest)", "GET \(digest) from 0"])
        }
    }

    @Test("Wrong bytes are neither stored nor served to their end")
    func wrongBytes() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            let wrong = ByteSource.random(seed: 99, count: Self.size).buffer
            fixture.upstream.change { $0.blobs[digest] = wrong }
            await #expect(throws: (any Error).self) { _ = try await fixture.read(digest) }
            #expect(try !fixture.cache.contains(layer.descriptor))
        }
    }

    @Test("With the upstream down an image that was pulled once is served whole")
    func offline() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            for blob in image.blobs { _ = try await fixture.read(blob.descriptor.digest) }
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(1000))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == image.top)
            for blob in image.blobs {
                #expect(try await fixture.read(blob.descriptor.digest) == blob.source.buffer)
            }
        }
    }

    @Test("A blob that another process has removed is fetched again")
    func removed() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            _ = try await fixture.read(digest)
            // Whoever comes before the download has left reads what it has open.
            while !fixture.cache.runningDownloads.isEmpty { await Task.yield() }
            try Files.remove("\(fixture.path)/blobs/sha256/\(digest.hex)")
            #expect(try await fixture.read(digest) == layer.source.buffer)
            #expect(fixture.upstream.sent == 2 * Self.size)
        }
    }

    @Test("What had come when the server died is not asked for again by the next one")
    func restarted() async throws {
        try await TemporaryDirectory.with { path in
            let upstream = FakeUpstream()
            try upstream.load(image, as: "1")
            upstream.change { $0.allowance = 1 << 20 }
            try await PullThroughFixture.with(upstream, in: "\(path)/cache") { fixture in
                _ = try await fixture.manifest("1")
                let blob = try await fixture.content.blob(digest, of: fixture.repository, isHead: false)
                _ = try await blob?.read(at: 900_000)
            }
            upstream.change { $0.allowance = .max }
            try await PullThroughFixture.with(upstream, in: "\(path)/cache") { fixture in
                let bytes = try await fixture.read(digest)
                #expect(bytes == layer.source.buffer)
            }
            #expect(upstream.requests.last == "GET \(digest) from \(1 << 20)")
        }
    }
}
