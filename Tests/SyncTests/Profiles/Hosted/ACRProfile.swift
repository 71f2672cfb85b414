import OCI
import Registry
import TestSupport
import Testing

/// Relative places, short heads, and replicas that lag behind.
@Suite(.timeLimit(.minutes(10)))
struct ACRProfile {
    private static let profile = RegistryProfile(
        authentication: { issuer, _ in .bearer(issuer) },
        play: { players in
            players.registry.options.pageSize = 1
            players.script("POST", .uploads, .uploadLocation(.relative))
            players.script(
                nil,
                .any,
                where: { ($0.headers["authorization"] ?? "").utf8.count > 8000 },
                .status(400, body: "Request Header Or Cookie Too Large")
            )
            players.script("PUT", .manifests, times: 2, .error(400, "MANIFEST_BLOB_UNKNOWN"))
        }
    )

    @Test(
        "Azure Container Registry is mirrored from and to",
        arguments: RegistryProfile.Side.allCases,
        ProfileRow.allCases
    )
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
