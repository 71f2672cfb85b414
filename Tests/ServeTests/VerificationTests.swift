import Cache
import CacheSupport
import Glibc
import Logging
import NIOCore
import NIOPosix
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Serve

/// What is known of files that were hashed.
@Suite(.timeLimit(.minutes(10)))
struct VerificationTests {
    private static let image = SampleImage.image(layers: [.init(seed: 4, size: 6_000_000)])
    private static var layer: SampleImage.Part { image.blobs[1] }
    private static var uri: String { "/v2/app/blobs/\(layer.descriptor.digest)" }

    private func withFile(_ body: (BlobFile, VerifiedFiles) async throws -> Void) async throws {
        try await ServedCache.with([("docker.io/library/app:1", Self.image)]) { served async throws in
            let file = try #require(try served.cache.blobFile(Self.layer.descriptor.digest))
            let threads = ServeThreads()
            let files = VerifiedFiles(.test(), served.metrics, threads)
            let result: Result<Void, any Error>
            do { result = .success(try await body(file, files)) } catch { result = .failure(error) }
            await threads.close()
            try result.get()
        }
    }

    @Test("Whoever needs to know goes on where a reader stands, and no byte is hashed twice")
    func shared() async throws {
        try await withFile { file, files in
            let verification = files.verification(of: file)
            #expect(files.verification(of: file) === verification)
            var offset: Int64 = 0
            while offset < 5_000_000 {
                offset += Int64(try verification.read(at: offset, atMost: 300_000).readableBytes)
            }
            // Bytes that do not follow, and those that are known already, add nothing.
            _ = try verification.read(at: 5_500_000, atMost: 100)
            _ = try verification.read(at: 0, atMost: 100)
            var steps = 0
            while try verification.step() == nil { steps += 1 }
            #expect(verification.isRight == true && steps <= 4)
            #expect(try await files.finish(verification) && files.contains(file))
        }
    }

    @Test("Who asks while a file turns out right does not have it hashed again")
    func meanwhile() async throws {
        let layers = (1...300).map { SampleImage.Layer(seed: $0, size: 2000) }
        let images = [("docker.io/library/app:1", SampleImage.image(layers: layers))]
        try await ServedCache.with(images) { served async throws in
            let threads = ServeThreads()
            let files = VerifiedFiles(.test(), served.metrics, threads)
            for part in images[0].1.blobs {
                let file = try #require(try served.cache.blobFile(part.descriptor.digest))
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<8 { group.addTask { try await files.verify(file) } }
                    for try await isRight in group { #expect(isRight) }
                }
            }
            #expect(served.metrics[.verification] == 301)
            await threads.close()
        }
    }

    @Test("A reader in pieces of any size makes the hash complete, and the end is held back until it is")
    func reader() async throws {
        try await withFile { file, files in
            let blob = UnverifiedBlob(
                descriptor: Self.layer.descriptor,
                verification: files.verification(of: file),
                verified: files
            ) { _ in Issue.record("nothing is wrong") }
            var bytes = ByteBuffer()
            while bytes.readableBytes < 6_000_000 {
                let isAtEnd = bytes.readableBytes >= 6_000_000 - 65536
                var piece = try await blob.read(at: Int64(bytes.readableBytes), atMost: 77_777)
                #expect(files.contains(file) == isAtEnd)
                bytes.writeBuffer(&piece)
            }
            #expect(bytes == Self.layer.source.buffer)
        }
    }

    @Test("Files are hashed by the threads for that and by no others, so that nobody else waits for them")
    func ownThreads() async throws {
        let layers = (1...8).map { SampleImage.Layer(seed: $0, size: 300_000) }
        let images = [("docker.io/library/app:1", SampleImage.image(layers: layers))]
        try await ServedCache.with(images) { served async throws in
            let threads = ServeThreads()
            let files = VerifiedFiles(.test(), served.metrics, threads)
            let isBusy = Atomic(true)
            // What keeps them busy stands for files without end.
            for _ in 0..<System.coreCount {
                threads.hashing.submit { _ in while isBusy.load(ordering: .acquiring) { usleep(1000) } }
            }
            let hashed = Watched(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for part in images[0].1.blobs.dropFirst() {
                    let file = try #require(try served.cache.blobFile(part.descriptor.digest))
                    let verification = files.verification(of: file)
                    let blob = UnverifiedBlob(descriptor: part.descriptor, verification: verification, verified: files)
                    {
                        _ in Issue.record("nothing is wrong")
                    }
                    group.addTask { () async throws in
                        #expect(try await files.finish(verification))
                        hashed.update { $0 += 1 }
                    }
                    group.addTask { () async throws in
                        #expect(try await blob.read(at: 0, atMost: 1000).readableBytes == 1000)
                        hashed.update { $0 += 1 }
                    }
                }
                // All others are answered meanwhile.
                for uri in ["/readyz", "/v2/app/manifests/1", "/healthz", "/v2/"] {
                    #expect(try await served.get(uri).status == 200)
                }
                #expect(hashed.value == 0)
                isBusy.store(false, ordering: .releasing)
                try await group.waitForAll()
            }
            #expect(hashed.value == 16)
            await threads.close()
        }
    }

    @Test("A server whose disk has failed leaves nothing that the next one believes")
    func failedDisk() async throws {
        try await TemporaryDirectory.with { path async throws in
            let place = CacheConfiguration(directory: "\(path)/cache", logger: Logger(label: "test"))
            try await ContentCache.with(place) { cache async throws in
                try await cache.load(Self.image, as: ImageReference("docker.io/library/app:1"))
                for (isSound, count) in [(true, 1), (false, 0), (true, 1)] {
                    var configuration = ServerConfiguration.test()
                    configuration.directory = path
                    configuration.isDirectorySound = { isSound }
                    let metrics = ServeMetrics()
                    try await Server.with(configuration, CachedContent(cache), metrics: metrics) { server in
                        let client = RawClient(try RegistryHost(server.address))
                        #expect(try await client.get(Self.uri).body == Self.layer.source.buffer)
                    }
                    #expect(metrics[.verification] == count)
                }
            }
        }
    }

    @Test("A server that is started again believes what the one before had hashed, and nothing of a changed file")
    func restarts() async throws {
        try await TemporaryDirectory.with { path async throws in
            var configuration = ServerConfiguration.test()
            configuration.directory = path
            let place = CacheConfiguration(directory: "\(path)/cache", logger: Logger(label: "test"))
            try await ContentCache.with(place) { [configuration] cache async throws in
                try await cache.load(Self.image, as: ImageReference("docker.io/library/app:1"))
                for (isChanged, count) in [(false, 1), (false, 0), (true, 1), (false, 0)] {
                    let metrics = ServeMetrics()
                    let file = "\(path)/cache/blobs/sha256/\(Self.layer.descriptor.digest.hex)"
                    if isChanged {
                        let bytes = try Files.read(file)
                        try Files.remove(file)
                        try Files.write(bytes, to: file)
                    }
                    try await Server.with(configuration, CachedContent(cache), metrics: metrics) { server in
                        let client = RawClient(try RegistryHost(server.address))
                        #expect(try await client.get(Self.uri).body == Self.layer.source.buffer)
                    }
                    #expect(metrics[.verification] == count)
                }
                // What somebody else wrote there is not believed.
                try Files.write("nonsense", to: "\(path)/verified")
                let store = VerifiedFilesStore(
                    directory: path,
                    isSound: { true },
                    logger: Logger(label: "test")
                )
                #expect(store.load().isEmpty)
            }
        }
    }
}
