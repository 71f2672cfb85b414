import OCI
import Registry
import TestSupport
import Testing

/// Robots with odd names, and blobs that are being deleted while they are there.
@Suite(.timeLimit(.minutes(10)))
struct HarborProfile {
    private static let profile = RegistryProfile(
        user: "robot$ci",
        authentication: { _, _ in .basic(username: "robot$ci", password: "p4ss") },
        play: { players in
            players.script("HEAD", .blobs, .error(404, "BLOB_UNKNOWN"))
            players.script("GET", .tags, where: players.lacks, .error(404, "NOT_FOUND"))
        }
    )

    @Test("Harbor is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
