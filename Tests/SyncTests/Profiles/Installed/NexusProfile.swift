import OCI
import Registry
import TestSupport
import Testing

/// No HEAD of manifests, ranges without a unit, and absolute places.
@Suite(.timeLimit(.minutes(10)))
struct NexusProfile {
    private static let profile = RegistryProfile(
        authentication: { _, _ in .basic(username: "ci", password: "p4ss") },
        play: { players in
            players.script("HEAD", .manifests, .status(404))
            players.script("POST", .uploads, .uploadLocation(.absolute))
            players.script(
                "GET",
                .blobs,
                where: { $0.headers["range"] != nil },
                .edit { $0.headers["Content-Range"] = $0.headers["Content-Range"]?.replacing("bytes ", with: "") }
            )
        }
    )

    @Test("Nexus is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
