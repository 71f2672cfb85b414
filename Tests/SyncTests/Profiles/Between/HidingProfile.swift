import OCI
import Registry
import TestSupport
import Testing

/// Strangers are told that nothing is there; how to ask is told at the base alone.
@Suite(.timeLimit(.minutes(10)))
struct HidingProfile {
    private static let profile = RegistryProfile(
        play: { players in
            let isStranger: @Sendable (RecordedRequest) -> Bool = { $0.headers["authorization"] == nil }
            players.script(
                "GET",
                .exactly("/v2/"),
                where: isStranger,
                .error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": #"Basic realm="hidden""#])
            )
            players.script(nil, "/v2/", where: isStranger, .error(404, "NAME_UNKNOWN"))
        }
    )

    @Test(
        "A registry that hides what it has is mirrored from and to",
        arguments: RegistryProfile.Side.allCases,
        ProfileRow.allCases
    )
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
