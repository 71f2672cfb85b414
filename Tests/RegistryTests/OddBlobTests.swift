import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry

/// What registries say of blobs beside their bytes, and what of it is believed.
@Suite(.timeLimit(.minutes(10)))
struct OddBlobTests {
    private static let source = ByteSource.random(seed: 32, count: 3 << 20)

    @Test(
        "Without a length a blob is taken whatever coding it is labelled with",
        arguments: ["identity", "", "none", "aws-chunked", "gzip"]
    )
    func takesLabelsWithoutLength(coding: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            registry.script(
                RequestMatch("GET", .blobs, times: nil),
                .edit { $0.headers = ["Content-Encoding": coding, "Transfer-Encoding": "chunked"] }
            )
            let bytes = try await withClient(retry: RetryPolicy(attempts: 1)) {
                try await $0.pull(registry).bytes(of: Self.source.descriptor)
            }
            #expect(bytes == Self.source.buffer)
        }
    }

    @Test("Without a length, and shorter than the blob, it is encoded as its label says", arguments: [7, 2 << 20])
    func refusesEncoded(difference: Int) async throws {
        let other = ByteSource.random(seed: 33, count: Self.source.count - difference)
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", .blobs, times: nil),
                .reply(Reply(200, headers: ["Content-Encoding": "gzip", "Transfer-Encoding": "chunked"], body: other))
            )
            await #expect {
                try await withClient { _ = try await $0.pull(registry).bytes(of: Self.source.descriptor) }
            } throws: { "\($0)".contains("comes encoded as 'gzip'") }
        }
    }

    @Test("A weak entity tag promises no equal bytes, so that no range is asked for by it")
    func forgetsWeakTags() async throws {
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            registry.script(
                RequestMatch("GET", .blobs),
                .all([.header("ETag", "W/\"x\""), .reset(afterBytes: 1 << 20)])
            )
            let bytes = try await withClient { try await $0.pull(registry).bytes(of: Self.source.descriptor) }
            #expect(bytes == Self.source.buffer)
            #expect(registry.requests.map { $0.headers["if-range"] } == [nil, nil])
            #expect(registry.requests.last?.headers["range"] != nil)
        }
    }

    @Test(
        "A HEAD that says 200 of a page, or of another length, is no blob",
        arguments: [
            Action.all([.header("Content-Type", "text/html"), .header("Docker-Content-Digest", nil)]),
            .header("Content-Length", "99"),
        ]
    )
    func doubtsHeads(answer: Action) async throws {
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            try await withClient { client in
                let isThere = try await client.push(registry).contains(Self.source.descriptor)
                registry.script(RequestMatch("HEAD", .blobs, times: nil), answer)
                let isStillThere = try await client.push(registry).contains(Self.source.descriptor)
                #expect(isThere && !isStillThere)
            }
        }
    }

    @Test("What a registry names by its digest is no page for people, though it may be of that type")
    func believesPages() async throws {
        let image = SampleImage.image()
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch(times: nil), .header("Content-Type", "text/html"))
            try await withClient { client async throws in
                let blob = image.blobs[0].descriptor
                #expect(try await client.push(registry).contains(blob))
                let source = client.pull(registry)
                #expect(try await source.blobSize(blob.digest, named: nil) == blob.size)
                #expect(try await source.manifest(.tag("v1"))?.descriptor.digest == image.digest)
            }
            #expect(registry.requests.map(\.method) == ["HEAD", "HEAD", "GET"])
        }
    }

    @Test("A HEAD that says that something is empty is believed of what is: of all else a GET tells what it is")
    func doubtsEmptiness() async throws {
        let image = SampleImage.image()
        let (nothing, lost) = (ByteSource.random(seed: 34, count: 0), ByteSource.random(seed: 35, count: 100))
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            for (held, named) in [(Self.source, Self.source), (nothing, nothing), (nothing, lost)] {
                registry.store.putBlob(.bytes(held), named.descriptor.digest, in: "library/app")
            }
            registry.script(RequestMatch("HEAD", .any, times: nil), .header("Content-Length", "0"))
            try await withClient { client async throws in
                let (source, target) = (client.pull(registry), client.push(registry))
                #expect(try await source.resolve(.tag("v1")) == image.top)
                #expect(
                    try await source.blobSize(Self.source.descriptor.digest, named: nil) == Int64(Self.source.count)
                )
                await #expect(throws: RegistryError.self) {
                    _ = try await source.blobSize(lost.descriptor.digest, named: nil)
                }
                #expect(try await target.contains(Self.source.descriptor))
                #expect(try await !target.contains(lost.descriptor))
                let count = registry.requests.count
                #expect(try await source.blobSize(nothing.descriptor.digest, named: nil) == 0)
                #expect(try await target.contains(nothing.descriptor))
                #expect(registry.requests.dropFirst(count).map(\.method) == ["HEAD", "HEAD"])
            }
        }
    }

    @Test("Where each answer has an entity tag of its own the blob is gone on with all the same")
    func changesTags() async throws {
        let tags = Watched(0)
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            registry.script(
                RequestMatch("GET", .blobs, times: nil),
                .flip { request in
                    tags.update { $0 += 1 }
                    let tag = Action.header("ETag", "\"\(tags.value)\"")
                    let breaks = [tag, Action.close(afterBytes: 1 << 20)]
                    return .all(request.headers["if-range"] == nil ? breaks : [.ignoreRange] + breaks)
                }
            )
            let bytes = try await withClient(retry: RetryPolicy(attempts: 8)) {
                try await $0.pull(registry).bytes(of: Self.source.descriptor)
            }
            #expect(bytes == Self.source.buffer)
            #expect(registry.requests.count { $0.headers["if-range"] != nil } == 1)
        }
    }
}
