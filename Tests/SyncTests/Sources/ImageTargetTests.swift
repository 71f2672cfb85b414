import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// What planning and copying rely on of a target: as a registry keeps lists of referrers itself, and as it does not.
@Suite(.timeLimit(.minutes(10)))
struct ImageTargetTests {
    private struct Bytes: BlobReader {
        let descriptor: Descriptor
        let bytes: ByteBuffer

        init(_ part: SampleImage.Part) {
            descriptor = part.descriptor
            bytes = part.source.buffer
        }

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            bytes.getSlice(at: Int(offset), length: min(count, bytes.readableBytes - Int(offset))) ?? ByteBuffer()
        }
    }

    private func withTarget(
        referrersAPI: Bool,
        _ body: (any ImageTarget, any ImageTarget, ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.referrersAPI = referrersAPI
            var configuration = RegistryConfiguration(logger: LogText().logger)
            configuration.credentials = try CredentialStore(environment: [:], home: nil)
            configuration.clock = TestClock()
            try await RegistryClient.with(configuration) { client in
                let health = MirrorHealth(logger: LogText().logger)
                let places = ImagePlaces(registries: [:], client: client, health: health)
                let place = RepositoryReference(host: registry.host, repository: "down/app")
                let other = RepositoryReference(host: registry.host, repository: "down/other")
                try await body(places.target(at: place), places.target(at: other), registry)
            }
        }
    }

    private func push(_ image: SampleImage, to target: any ImageTarget, as tag: TagName?) async throws {
        for blob in image.blobs { _ = try await target.store(Bytes(blob)) }
        for part in image.manifests {
            let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
            try await target.store(manifest, as: part.descriptor == image.top ? tag : nil)
        }
    }

    @Test("A target has what it was given, and before that knows no repository", arguments: [true, false])
    func stored(referrersAPI: Bool) async throws {
        try await withTarget(referrersAPI: referrersAPI) { target, _, registry in
            let image = SampleImage.multiPlatform()
            #expect(try await target.tags() == nil)
            #expect(try await target.firstTags() == nil)
            for _ in 1...2 {
                try await push(image, to: target, as: "1")
                #expect(registry.store.holds(image, repository: "down/app"))
                #expect(try await target.tags() == ["1"])
                let first = try await target.firstTags()
                #expect(first?.names == ["1"] && first?.areAll == true)
                #expect(try await target.resolve(.tag("1")) == image.top)
                #expect(try await target.manifest(.tag("1"))?.bytes == image.topBytes)
                #expect(try await target.resolve(.tag("2")) == nil)
                for blob in image.blobs { #expect(try await target.contains(blob.descriptor)) }
            }
        }
    }

    @Test("A blob is taken over from another repository of the registry", arguments: [true, false])
    func mounted(referrersAPI: Bool) async throws {
        try await withTarget(referrersAPI: referrersAPI) { target, other, _ in
            let blob = SampleImage.image().blobs[0]
            _ = try await other.store(Bytes(blob))
            let outcome = try await target.store(Bytes(blob), mountFrom: other.location.repository)
            #expect(outcome == .mounted(from: other.location.repository))
            #expect(try await target.contains(blob.descriptor))
        }
    }

    @Test(
        "A manifest that refers to another is stored, and the target says whether it lists it",
        arguments: [true, false]
    )
    func referrers(referrersAPI: Bool) async throws {
        try await withTarget(referrersAPI: referrersAPI) { target, _, registry in
            let image = SampleImage.image()
            let signature = SampleImage.artifact(of: image.top)
            try await push(image, to: target, as: "1")
            for blob in signature.blobs { _ = try await target.store(Bytes(blob)) }
            let manifest = try Manifest(bytes: signature.topBytes, contentType: signature.top.mediaType)
            #expect(try await target.store(manifest, as: nil) == .stored(isListed: referrersAPI))
            #expect(registry.store.manifest(signature.digest, in: "down/app") != nil)
        }
    }

    @Test("A refused question is no failure, and no connection is one")
    func refused() async throws {
        try await withTarget(referrersAPI: true) { target, _, registry in
            registry.script(RequestMatch("GET", .tags), .status(403))
            guard case .unknown = try await target.asking({ try await $0.tags() }) else {
                Issue.record("a refusal tells nothing")
                return
            }
            guard case .known(nil) = try await target.asking({ try await $0.tags() }) else {
                Issue.record("an answer is known")
                return
            }
        }
    }
}
