import OCI
import Registry
import TestSupport
import Testing

/// No referrers, mounts that are refused, and places with a state in them.
@Suite(.timeLimit(.minutes(10)))
struct DockerRegistryProfile {
    private static let profile = RegistryProfile(
        authentication: { _, _ in .basic(username: "ci", password: "p4ss") },
        play: { players in
            players.registry.options.mounts = false
            players.script("POST", .uploads, .uploadLocation(.withQuery))
            players.script("GET", "/referrers/", .error(404, "404_PAGE_NOT_FOUND"))
        }
    )

    @Test("docker-registry 2.8 is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
