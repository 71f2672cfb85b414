import OCI
import TestSupport
import Testing

/// Exports whose source changes, or fails, while they fetch.
@Suite(.timeLimit(.minutes(10)))
struct ExportAgainTests {
    private let moved = SampleImage.multiPlatform(seed: 7)

    private func export(_ workspace: Workspace, _ upstream: ScriptedRegistry) async throws -> Int {
        try await workspace.run("export", upstream.place("up/app:1"), "-o", "a.tar", "--force", "--progress", "none")
            .status
    }

    @Test(
        "An export begins again with a tag that moves while it fetches, and with no other",
        arguments: [true, false],
        [true, false]
    )
    func moved(moves: Bool, isBlob: Bool) async throws {
        try await ExportTests.with { workspace, upstream async throws in
            let image = ExportTests.index
            let path: RequestMatch.Path =
                isBlob
                ? .blob(image.blobs[0].descriptor.digest) : .manifest("\(image.manifests[0].descriptor.digest)")
            upstream.script(
                RequestMatch("GET", path, times: nil),
                .flip { [moved] _ in
                    if moves { upstream.load(moved, repository: "up/app", tag: "1") }
                    return .error(404, isBlob ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN")
                }
            )
            #expect(try await export(workspace, upstream) == (moves ? 0 : 1))
            let held = try CacheFiles(path: workspace.cache).images()
            #expect(held[upstream.place("up/app:1")] == (moves ? moved.digest : nil))
        }
    }

    @Test("What an export that fails has read is not read again, by a run either")
    func failed() async throws {
        try await ExportTests.with { workspace, upstream async throws in
            let image = ExportTests.index
            let lost = image.blobs[0].descriptor.digest
            upstream.script(RequestMatch("GET", .blob(lost), times: nil), .error(404, "BLOB_UNKNOWN"))
            for count in [image.manifests.count, 0] {
                upstream.forgetRequests()
                #expect(try await export(workspace, upstream) == 1)
                #expect(upstream.count("GET", pathContains: "/manifests/") == count)
            }
            upstream.removeScript()
            upstream.forgetRequests()
            #expect(try await export(workspace, upstream) == 0)
            #expect(upstream.count("GET", pathContains: "/manifests/") == 0)
        }
    }
}
