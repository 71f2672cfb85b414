import OCI
import Registry
import TestSupport
import Testing

/// Everything is somewhere else, where everybody gets a token to read.
@Suite(.timeLimit(.minutes(10)))
struct VanityProfile {
    private static let profile = RegistryProfile(
        play: { players in
            let beside = players.beside
            if players.side == .source { beside.authentication = .bearer(players.issuer) }
            players.script(nil, "/v2/", .flip { .redirect(307, to: beside.url + $0.uri) })
        }
    )

    @Test("A vanity name is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
