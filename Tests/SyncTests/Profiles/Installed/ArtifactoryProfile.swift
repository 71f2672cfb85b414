import OCI
import Registry
import TestSupport
import Testing

/// Forbidden for absent, pages at another path, no parts in clusters, and HEAD that does not know what GET knows.
@Suite(.timeLimit(.minutes(10)))
struct ArtifactoryProfile {
    private static let profile = RegistryProfile(
        authentication: { _, _ in .basic(username: "ci", password: "p4ss") },
        play: { players in
            players.registry.options.pageSize = 1
            players.script(
                "GET",
                .tags,
                .edit { $0.headers["Link"] = $0.headers["Link"]?.replacing("/v2/team/app/", with: "/v2/app/") }
            )
            for method in ["GET", "HEAD"] {
                players.script(method, .manifests, where: players.lacks, .error(403, "DENIED"))
            }
            players.script("PATCH", .uploads, .status(404))
            players.script("HEAD", .blobs, .status(200))
        }
    )

    @Test("Artifactory is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
