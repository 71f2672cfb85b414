import OCI
import Registry
import TestSupport
import Testing

/// The interface of referrers is refused in every way.
@Suite(.timeLimit(.minutes(10)))
struct WithoutReferrersProfile {
    private static let profile = RegistryProfile(
        play: { players in
            players.script("GET", "/referrers/", .flip { .status([401, 403, 406, 410, 415][$0.order % 5]) })
        }
    )

    @Test(
        "A registry without referrers is mirrored from and to",
        arguments: RegistryProfile.Side.allCases,
        ProfileRow.allCases
    )
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
