import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

/// The hosts that are known, while the cache gets more.
@Suite(.timeLimit(.minutes(5)))
struct KnownHostsTests {
    @Test("A list of hosts that was read first does not take the place of a newer one when it comes last")
    func older() async throws {
        let content = GrowingContent()
        let hosts = KnownHosts { [] }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hosts.refresh(from: content) }
            try await content.gate.waitForArrivals()
            try await hosts.refresh(from: content)
            #expect(hosts.hosts.contains("new.example.com"))
            content.gate.open()
            try await group.waitForAll()
        }
        #expect(hosts.hosts == [.dockerHub, "old.example.com", "new.example.com"])
    }
}

/// A cache that gets a repository of another host while it is read for the first time.
private struct GrowingContent: ServedContent {
    let gate = Gate()
    private let readings = Watched(0)

    func repositories() async throws -> [RepositoryReference] {
        readings.update { $0 += 1 }
        let old: [RepositoryReference] = [.init(host: "old.example.com", repository: "app")]
        guard readings.value == 1 else { return old + [.init(host: "new.example.com", repository: "app")] }
        await withCheckedContinuation { continuation in gate.pass { continuation.resume() } }
        return old
    }

    func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile? { nil }

    func fileAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> FileStatus.Version? { nil }

    func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        client: ServedClient,
        isNeeded: @Sendable (Int64) -> Bool
    ) async throws -> ServedBlob? { nil }

    func manifest(_ reference: Reference, of repository: RepositoryReference) async throws -> ServedManifest? { nil }

    func canServe(
        _ manifest: Manifest,
        by reference: Reference,
        of repository: RepositoryReference
    ) async throws -> Bool { false }

    func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>? { nil }

    func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        artifactType: String?
    ) async throws -> ServedList<ReferrerEntry> { ServedList([]) }

    func quarantine(_ blob: BlobFile) async {}
}
