import OCI
import Registry
import TestSupport
import Testing

/// No digests in heads, opaque pages, no HEAD of blobs; as a target it takes pushes and tells nothing.
@Suite(.timeLimit(.minutes(10)))
struct ECRProfile {
    private static let profile = RegistryProfile(
        user: "AWS",
        authentication: { _, _ in .basic(username: "AWS", password: "p4ss") },
        play: { players in
            players.registry.options.sendsContentDigest = false
            players.script("HEAD", .blobs, .status(401))
            players.script("PATCH", .uploads, .header("Range", "0-0"))
            guard players.side == .source else {
                players.script("GET", .tags, .error(403, "DENIED"))
                for method in ["GET", "HEAD"] { players.script(method, .manifests, .error(403, "DENIED")) }
                return
            }
            players.registry.options.pageSize = 1
            let token = "nextToken"
            players.script(
                "GET",
                .tags,
                where: { $0.query[token] != nil },
                .reply(.json(200, #"{"name":"team/app","tags":["v2"]}"#))
            )
            players.script("GET", .tags, .header("Link", "</v2/team/app/tags/list?\(token)=djI%3D&n=1>; rel=\"next\""))
        },
        isSecretive: true
    )

    @Test("ECR is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
