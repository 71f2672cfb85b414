import OCI
import Registry
import TestSupport
import Testing

/// Repositories from which a registry does not let blobs be taken over.
@Suite(.timeLimit(.minutes(5)))
struct RefusedMountTests {
    /// How many mounts are asked for to store so many blobs that another repository holds.
    private func mounts(
        blobs: Int,
        after: Int = 0,
        _ answer: Action,
        also source: RepositoryName? = nil
    ) async throws -> Int {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("POST", .uploads, times: nil, after: after, where: { $0.query["mount"] != nil }),
                answer
            )
            try await withClient { client in
                for number in 0..<blobs {
                    let reader = SampleReader(.random(seed: UInt64(number), count: 100))
                    _ = registry.store.putBlob(reader.source.buffer, in: "library/base")
                    let place = number == blobs - 1 ? source ?? "library/base" : "library/base"
                    let outcome = try await client.push(registry).store(reader, mountFrom: place)
                    #expect(outcome == (number < after ? .mounted(from: place) : .stored(bytes: 100)))
                }
            }
            return registry.requests.count { $0.query["mount"] != nil }
        }
    }

    @Test("What a repository may not give is asked of it once", arguments: [401, 403, 404, 405])
    func isRemembered(status: Int) async throws {
        #expect(try await mounts(blobs: 4, .status(status)) == 1)
    }

    @Test("Of another repository it is asked all the same")
    func others() async throws {
        #expect(try await mounts(blobs: 4, .status(403), also: "library/other") == 2)
    }

    @Test("A repository that has given a blob is asked for each", arguments: [403, 404])
    func hasGiven(status: Int) async throws {
        #expect(try await mounts(blobs: 4, after: 1, .status(status)) == 4)
    }

    @Test(
        "What is no word about the repository is not held against it",
        arguments: [.error(404, "BLOB_UNKNOWN"), .status(500), .status(429), .status(400)] as [Action]
    )
    func otherFailures(answer: Action) async throws {
        #expect(try await mounts(blobs: 3, answer) == 3)
    }
}
