import OCI
import Registry
import TestSupport
import Testing

/// Links without brackets, bursts of 502 and 503, and manifests that are invalid for a moment.
@Suite(.timeLimit(.minutes(10)))
struct QuayProfile {
    private static let profile = RegistryProfile(
        user: "team+robot",
        authentication: { issuer, _ in .bearer(issuer) },
        play: { players in
            players.registry.options.pageSize = 1
            players.script(
                "GET",
                .tags,
                .edit { $0.headers["Link"] = $0.headers["Link"]?.filter { !"<>".contains($0) } }
            )
            players.script("GET", .manifests, times: 1, .status(502))
            players.script("POST", .uploads, times: 1, .status(503))
            players.script("PUT", .manifests, times: 1, .error(400, "MANIFEST_INVALID"))
        }
    )

    @Test("Quay is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
