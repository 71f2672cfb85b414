import OCI
import TestSupport
import Testing

@testable import Registry

/// How large a blob is that a source has: each way to ask is tried until one tells.
@Suite(.timeLimit(.minutes(5)))
struct BlobSizeTests {
    private static let source = ByteSource.random(seed: 36, count: 3000)
    private static let size: Int64 = 3000
    private static let isPart: @Sendable (RecordedRequest) -> Bool = { $0.headers["range"] != nil }

    /// What a source tells whose answers are changed so, and what it was asked.
    private func ask(
        named: Int64?,
        _ change: (ScriptedRegistry) -> Void
    ) async throws -> (size: Int64?, transcript: [String]) {
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            change(registry)
            let size = try await withClient {
                try await $0.pull(registry).blobSize(Self.source.descriptor.digest, named: named)
            }
            return (size, registry.requests.map { "\($0.method) \($0.status ?? 0)" })
        }
    }

    @Test("A blob of which HEAD knows nothing is asked for by GET before it is called absent", arguments: [nil, size])
    func unknownToHEAD(named: Int64?) async throws {
        let told = try await ask(named: named) { registry in
            registry.script(RequestMatch("HEAD", .blobs, times: nil), .error(404, "NOT_FOUND"))
        }
        #expect(told.size == Self.size)
        #expect(told.transcript == ["HEAD 404", "GET 206"])
    }

    @Test(
        "A blob that a manifest names is asked for once more before it is called absent, another one is not",
        arguments: [(nil, 1, nil), (size, 1, size), (size, 9, nil)] as [(Int64?, Int, Int64?)]
    )
    func lag(named: Int64?, times: Int, expected: Int64?) async throws {
        let told = try await ask(named: named) { registry in
            registry.script(RequestMatch("HEAD", .blobs), .error(404, "BLOB_UNKNOWN"))
            registry.script(RequestMatch("GET", .blobs, times: times), .error(404, "BLOB_UNKNOWN"))
        }
        #expect(told.size == expected)
        let rest = named == nil ? [] : [expected == nil ? "GET 404" : "GET 206"]
        #expect(told.transcript == ["HEAD 404", "GET 404"] + rest)
    }

    @Test(
        "Where HEAD is of no use and a range is refused, a GET tells whose body is not read",
        arguments: [(405, 400), (403, 403), (405, 501), (404, 416)]
    )
    func refusals(head: Int, part: Int) async throws {
        let told = try await ask(named: nil) { registry in
            registry.script(RequestMatch("HEAD", .blobs, times: nil), .status(head))
            registry.script(RequestMatch("GET", .blobs, times: nil, where: Self.isPart), .status(part))
        }
        #expect(told.size == Self.size)
        #expect(told.transcript == ["HEAD \(head)", "GET \(part)", "GET 200"])
    }

    @Test("That a blob is there is enough where a manifest names its size and no answer tells it")
    func untold() async throws {
        let hide = { (registry: ScriptedRegistry) in
            registry.script(
                RequestMatch(nil, .blobs, times: nil),
                .all([.ignoreRange, .header("Content-Encoding", "gzip")])
            )
        }
        #expect(try await ask(named: Self.size, hide).size == Self.size)
        await #expect(throws: RegistryError.self) { try await ask(named: nil, hide) }
    }
}
