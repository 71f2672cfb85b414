import OCI
import Registry
import TestSupport
import Testing

/// No parts of blobs, uploads outside of /v2, and web pages for what it does not know.
@Suite(.timeLimit(.minutes(10)))
struct GARProfile {
    private static let profile = RegistryProfile(
        user: "_json_key",
        authentication: { issuer, _ in .bearer(issuer) },
        play: { players in
            let prefix = "/artifacts-uploads"
            players.script("GET", .tags, where: players.lacks, .html)
            players.script("PATCH", .uploads, where: { !$0.path.hasPrefix(prefix) }, .status(405))
            players.script(
                "POST",
                .uploads,
                .edit { $0.headers["Location"] = $0.headers["Location"].map { prefix + $0 } }
            )
            players.script(
                nil,
                .containing(prefix),
                .flip { .redirect(308, to: String($0.uri.dropFirst(prefix.utf8.count))) }
            )
        }
    )

    @Test(
        "Google Artifact Registry is mirrored from and to",
        arguments: RegistryProfile.Side.allCases,
        ProfileRow.allCases
    )
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
