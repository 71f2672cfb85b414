import OCI
import Registry
import TestSupport
import Testing

/// An interface of referrers, its own idea of what an upload holds, and OCI alone.
@Suite(.timeLimit(.minutes(10)))
struct ZotProfile {
    private static let profile = RegistryProfile(
        play: { players in
            players.registry.options.referrersAPI = true
            players.script("PATCH", .uploads, .header("Range", "0-0"))
            players.script("POST", .uploads, .uploadLocation(.relative))
            let detail = #"{"errors":[{"code":"MANIFEST_INVALID","detail":{"mediaType":"docker"}}]}"#
            players.script(
                "PUT",
                .manifests,
                where: { $0.headers["content-type"]?.contains("docker") == true },
                .reply(.json(415, detail))
            )
        }
    )

    @Test("zot is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
