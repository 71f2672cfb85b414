import OCI
import Registry
import TestSupport
import Testing

/// Nested names; a token service of another name, whose tokens end in mid-push.
@Suite(.timeLimit(.minutes(10)))
struct GitLabProfile {
    private static let profile = RegistryProfile(
        repository: "group/subgroup/app",
        authentication: { .bearer($0, realm: $1.url + "/token") },
        play: { players in
            players.issuer.rules.anonymousActions = []
            players.issuer.rules.announcedLifetime = nil
            for method in ["PUT", "GET"] {
                let path: RequestMatch.Path = method == "PUT" ? .uploads : .blobs
                players.script(
                    method,
                    path,
                    times: 1,
                    .flip { _ in
                        players.issuer.expireAllTokens()
                        return nil
                    }
                )
            }
        },
        settings: { HostSettings(plainHTTP: true, authRealms: [$0.beside.host]) }
    )

    @Test("GitLab is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
