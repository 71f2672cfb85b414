import Cache
import OCI
import Sync
import TestSupport
import Testing

/// Targets that take nothing for a time: what was read for them is not read again, as a source may count that.
@Suite(.timeLimit(.minutes(10)))
struct RefusedTargetTests {
    /// What fails a copy, at the source or at the target.
    enum Failure: CaseIterable {
        case outage
        case upload
        case manifest
        case tag
        case lostBlob

        fileprivate func script(_ source: ScriptedRegistry, _ target: ScriptedRegistry, _ image: SampleImage) {
            let refusal = Action.reply(.error(403, "DENIED", "the quota is used up"))
            switch self {
            case .outage: target.script(RequestMatch(times: nil), .status(503))
            case .upload: target.script(RequestMatch("POST", .uploads, times: nil), refusal)
            case .manifest: target.script(RequestMatch("PUT", .manifests, times: nil), refusal)
            case .tag: target.script(RequestMatch("PUT", .manifest("v1"), times: nil), refusal)
            case .lostBlob:
                let lost = image.blobs[0].descriptor.digest
                source.script(RequestMatch("GET", .blob(lost), times: nil), .error(404, "BLOB_UNKNOWN"))
            }
        }
    }

    private let image = SampleImage.multiPlatform()

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            source.load(image, repository: "app", tag: "v1")
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { try await body(source, target, $0) }
            }
        }
    }

    private func entry(_ source: ScriptedRegistry, _ target: ScriptedRegistry, _ more: String = "") -> String {
        "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1\(more)"
    }

    private func read(_ source: ScriptedRegistry) -> Int { source.count("GET", pathContains: "/manifests/") }

    @Test(
        "What a copy that fails has read is not read again, and a moved tag is",
        arguments: Failure.allCases,
        ["", ", platforms: [linux/amd64]"]
    )
    func failed(failure: Failure, platforms: String) async throws {
        try await between { source, target, mirror async throws in
            failure.script(source, target, image)
            let entry = entry(source, target, platforms)
            #expect(try await mirror.run(entry).rows.map(\.status) == [.failed])
            #expect(read(source) == (platforms.isEmpty ? image.manifests.count : 2))
            source.forgetRequests()
            #expect(try await mirror.run(entry).rows.map(\.status) == [.failed])
            #expect(read(source) == 0)
            target.removeScript()
            source.removeScript()
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            #expect(read(source) == 0)
            #expect(target.store.digest(of: "v1", in: "app") != nil)
            let moved = SampleImage.multiPlatform(seed: 2)
            source.load(moved, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry + ", check_digest: true").rows.map(\.status) == [.synced])
            #expect(read(source) == (platforms.isEmpty ? moved.manifests.count : 2))
        }
    }

    @Test("Nor is what a run has read that was stopped")
    func stopped() async throws {
        try await between { source, target, mirror async throws in
            let (gate, entry) = (Gate(), entry(source, target))
            target.script(RequestMatch("PUT", .uploads, times: nil), .holdHead(gate))
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await mirror.run(entry) }
                try? await gate.waitForArrivals()
                group.cancelAll()
            }
            gate.open()
            target.removeScript()
            source.forgetRequests()
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            #expect(read(source) == 0)
            #expect(target.store.holds(image, repository: "app"))
        }
    }

    @Test("An image that has not come whole is no tag of the cache, and one that has come is")
    func unnamed() async throws {
        try await between { source, target, mirror async throws in
            Failure.lostBlob.script(source, target, image)
            let entry = entry(source, target)
            let place = RepositoryReference(host: source.host, repository: "app")
            let named = {
                try await mirror.withCache { try await $0.names.images(of: "v1", in: place).map(\.wasWhole) }
            }
            #expect(try await mirror.run(entry).rows.map(\.status) == [.failed])
            #expect(try await named() == [false])
            source.removeScript()
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            #expect(try await named() == [true])
        }
    }
}
