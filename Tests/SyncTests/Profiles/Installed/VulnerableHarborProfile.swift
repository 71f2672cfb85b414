import OCI
import Registry
import TestSupport
import Testing

/// What is vulnerable is not told by its tag, yet may be replaced; a source keeps back its heads alone.
@Suite(.timeLimit(.minutes(10)))
struct VulnerableHarborProfile {
    private static let profile = RegistryProfile(
        play: { players in
            let isTag: @Sendable (RecordedRequest) -> Bool = { !$0.path.contains("sha256:") }
            players.script("HEAD", .manifests, where: isTag, .error(412, "PROJECTPOLICYVIOLATION"))
            guard players.side == .target else { return }
            players.script("GET", .manifests, where: isTag, .error(412, "PROJECTPOLICYVIOLATION"))
        }
    )

    @Test(
        "Harbor that keeps back vulnerable images is mirrored from and to",
        arguments: RegistryProfile.Side.allCases,
        ProfileRow.allCases
    )
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
