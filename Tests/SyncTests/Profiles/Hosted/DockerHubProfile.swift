import Foundation
import OCI
import Registry
import TestSupport
import Testing

/// Tokens come from another host, blobs from a content network by addresses that expire; limits name a Unix time.
@Suite(.timeLimit(.minutes(10)))
struct DockerHubProfile {
    private static let profile = RegistryProfile(
        repository: "library/app",
        authentication: { .bearer($0, realm: $1.url + "/token") },
        play: { players in
            let later = Int(Date().timeIntervalSince1970) + 2
            let limit = "You have reached your pull rate limit."
            players.script("GET", .manifests, times: 1, .status(429, headers: ["Retry-After": "\(later)"], body: limit))
            // What is not there may be somebody's private repository.
            players.script("GET", .tags, where: players.lacks, .error(401, "UNAUTHORIZED"))
            players.script("GET", .blobs, .redirect(toOrigin: players.beside.url))
            players.beside.script(RequestMatch("GET", .blobs), .status(403, body: "Request has expired"))
        }
    )

    @Test("Docker Hub is mirrored from and to", arguments: RegistryProfile.Side.allCases, ProfileRow.allCases)
    func mirrors(side: RegistryProfile.Side, row: ProfileRow) async throws {
        try await Self.profile.expect(row, as: side)
    }
}
