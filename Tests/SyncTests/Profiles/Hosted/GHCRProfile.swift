import OCI
import Registry
import TestSupport
import Testing

/// Small pages, small pieces, DENIED for what is missing, and what was just pushed is not there at once.
@Suite(.timeLimit(.minutes(10)))
struct GHCRProfile {
    private static let profile = RegistryProfile(
        authentication: { issuer, _ in .bearer(issuer) },
        play: { players in
            players.registry.options.pageSize = 1
            players.script(nil, .any, where: players.lacks, .flip { $0.method == "PUT" ? nil : .error(403, "DENIED") })
            players.script("PUT", .manifests, times: 1, .error(404, "MANIFEST_UNKNOWN"))
            players.script("PATCH", .uploads, .largestRequest(bytes: 4 << 20))
        }
    )

    @Test("GHCR is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
