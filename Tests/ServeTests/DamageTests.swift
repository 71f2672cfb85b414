import Glibc
import NIOCore
import OCI
import Serve
import TestSupport
import Testing

/// Blobs whose files went bad: what is wrong never leaves whole.
@Suite(.timeLimit(.minutes(10)))
struct DamageTests {
    private static let image = SampleImage.image(layers: [.init(seed: 1, size: 20_000_000), .init(seed: 2, size: 5000)])
    private static var large: SampleImage.Part { image.blobs[1] }
    private static var small: SampleImage.Part { image.blobs[2] }

    private static func with(_ body: (ServedCache) async throws -> Void) async throws {
        try await ServedCache.with([("docker.io/library/app:1", image)], body)
    }

    private func uri(_ part: SampleImage.Part) -> String { "/v2/app/blobs/\(part.descriptor.digest)" }

    /// Inverts one byte of a blob's file.
    private func damage(_ part: SampleImage.Part, in served: ServedCache, at offset: Int) throws {
        var bytes = part.source.buffer
        bytes.setInteger(~(bytes.getInteger(at: offset, as: UInt8.self) ?? 0), at: offset)
        let path = served.file(part.descriptor.digest)
        try #require(chmod(path, 0o600) == 0)
        try Files.remove(path)
        try Files.write(bytes, to: path)
    }

    @Test("A large blob that is wrong is cut short of its end, put aside, and unknown from then on")
    func large() async throws {
        try await Self.with { served async throws in
            try damage(Self.large, in: served, at: 10)
            let answer = try await served.get(uri(Self.large))
            #expect(answer.status == 200 && answer.headers["Content-Length"] == "20000000")
            #expect(answer.body.readableBytes <= 20_000_000 - 64 << 10)
            #expect(try await served.get(uri(Self.large)).status == 404)
            #expect(try Files.list("\(served.path)/quarantine").count == 1)
        }
    }

    @Test("A small blob that is wrong is not served at all", arguments: [[:], ["Range": "bytes=0-1"]] as [HeaderList])
    func small(headers: HeaderList) async throws {
        try await Self.with { served async throws in
            try damage(Self.small, in: served, at: 4999)
            #expect(try await served.get(uri(Self.small), headers).status == 404)
            #expect(try Files.list("\(served.path)/quarantine").count == 1)
        }
    }

    @Test("A part of a large blob is served only when the whole is right")
    func part() async throws {
        try await Self.with { served async throws in
            let range: HeaderList = ["Range": "bytes=0-9"]
            #expect(try await served.get(uri(Self.large), range).status == 206)
            try damage(Self.large, in: served, at: 19_999_999)
            #expect(try await served.get(uri(Self.large), range).status == 404)
        }
    }

    @Test("A file that was changed after it was served is hashed again")
    func changed() async throws {
        try await Self.with { served async throws in
            for part in [Self.small, Self.large] {
                for _ in 0..<2 { #expect(try await served.get(uri(part)).body == part.source.buffer) }
                try damage(part, in: served, at: 100)
                let answer = try await served.get(uri(part))
                #expect(answer.status == 404 || answer.body.readableBytes < part.source.count)
            }
        }
    }

    @Test(
        "Many clients at once have a file hashed once, whole or in parts",
        arguments: [[:], ["Range": "bytes=0-9"]] as [HeaderList]
    )
    func once(headers: HeaderList) async throws {
        try await Self.with { served async throws in
            let before = served.metrics[.verification]
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 {
                    group.addTask { try await served.get(uri(Self.large), headers).body.readableBytes }
                }
                for try await count in group { #expect(count == (headers == [:] ? 20_000_000 : 10)) }
            }
            #expect(served.metrics[.verification] == before + 1)
        }
    }

    @Test("A manifest that is wrong does not exist, and is put aside")
    func manifest() async throws {
        try await Self.with { served async throws in
            let manifest = try #require(Self.image.manifests.last)
            try damage(manifest, in: served, at: 3)
            #expect(try await served.get("/v2/app/manifests/1").status == 404)
            #expect(try await served.get("/v2/app/manifests/\(Self.image.digest)").status == 404)
            #expect(try Files.list("\(served.path)/quarantine").count == 1)
        }
    }

    @Test("What is damaged and cannot be put aside is not here, nor its image, until the file is another one")
    func inPlace() async throws {
        try await Self.with { served async throws in
            for part in [Self.large, Self.small] {
                let digest = part.descriptor.digest
                try damage(part, in: served, at: 10)
                let lock = "\(served.path)/locks/\(digest.hex.prefix(2))"
                try Files.remove(lock)
                // Nobody can lock it.
                try Files.makeDirectory(lock)
                _ = try await served.get(uri(part))
                #expect(Files.exists(served.file(digest)))
                for headers in [[:], ["Range": "bytes=0-9"]] as [HeaderList] {
                    #expect(try await served.get(uri(part), headers).status == 404)
                }
                for uri in [uri(part), "/v2/app/manifests/1"] {
                    #expect(try await served.client().request("HEAD", uri).status == 404)
                }
                try Files.remove(served.file(digest))
                try Files.write(part.source.buffer, to: served.file(digest))
                #expect(try await served.get(uri(part)).body == part.source.buffer)
                #expect(try await served.client().request("HEAD", "/v2/app/manifests/1").status == 200)
            }
        }
    }

    @Test("A blob whose file is gone is unknown to GET and HEAD")
    func gone() async throws {
        try await Self.with { served async throws in
            #expect(try await served.get(uri(Self.small)).status == 200)
            try Files.remove(served.file(Self.small.descriptor.digest))
            for method in ["GET", "HEAD"] {
                #expect(try await served.client().request(method, uri(Self.small)).status == 404)
            }
        }
    }

    @Test("A link in the place of a blob is not followed, and the blob is not there")
    func link() async throws {
        try await Self.with { served async throws in
            let path = served.file(Self.small.descriptor.digest)
            try Files.write(Self.small.source.buffer, to: "\(served.path)/elsewhere")
            try Files.remove(path)
            try #require(symlink("\(served.path)/elsewhere", path) == 0)
            #expect(try await served.get(uri(Self.small)).status == 404)
        }
    }
}
