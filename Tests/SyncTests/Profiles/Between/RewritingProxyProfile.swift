import OCI
import Registry
import TestSupport
import Testing

/// The registry behind knows the repository by another name, and wants tokens for that.
@Suite(.timeLimit(.minutes(10)))
struct RewritingProxyProfile {
    private static let profile = RegistryProfile(
        play: { players in
            let name = "backend/team/app"
            let challenge =
                "Bearer realm=\"\(players.registry.url)/token\",service=\"x\",scope=\"repository:\(name):pull,push\""
            players.script(
                nil,
                "/v2/",
                where: { $0.headers["authorization"] == nil },
                .error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": challenge])
            )
            players.script(
                "GET",
                .token,
                where: { request in !request.query.all("scope").contains { $0.contains(name) } },
                .status(403)
            )
        }
    )

    @Test(
        "A proxy that rewrites paths is mirrored from and to",
        arguments: RegistryProfile.Side.allCases,
        ProfileRow.allCases
    )
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
