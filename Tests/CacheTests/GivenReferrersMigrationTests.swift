import GRDB
import OCI
import TestSupport
import Testing

@testable import Cache

/// What caches know that were made before it was noted which source has given something.
@Suite(.timeLimit(.minutes(1)))
struct GivenReferrersMigrationTests {
    @Test("What was given without its source may be of all that list it, which holds nothing back")
    func migrated() throws {
        let queue = try DatabaseQueue()
        try Schema.migrator.migrate(queue, upTo: "13 given referrers")
        let image = SampleImage.image()
        let (listed, tagged, unknown) = (
            SampleImage.artifact(of: image.top), SampleImage.image(labels: ["kind": "signature"]),
            SampleImage.artifact(of: image.top, content: "unknown")
        )
        let target = RepositoryReference(host: "target.test", repository: "app")
        let sources = try ["a", "b"].map {
            RepositoryReference(host: "source.test", repository: try RepositoryName($0))
        }
        try queue.write { db in
            for sample in [image, listed, tagged] {
                try db.execute(
                    sql: "INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (?, 1, 'ok', 0, 0)",
                    arguments: [sample.digest]
                )
                try db.execute(
                    sql: "INSERT INTO manifests (digest, media_type) VALUES (?, 'application/json')",
                    arguments: [sample.digest]
                )
            }
            for given in [listed, tagged, unknown] {
                try db.execute(
                    sql: "INSERT INTO given_referrers VALUES (?, ?, ?, ?)",
                    arguments: [target.host, target.repository, image.digest, given.digest]
                )
            }
            for place in sources + [target] {
                try db.execute(
                    sql: "INSERT INTO referrers VALUES (?, ?, ?, 0, ?)",
                    arguments: [place.host, place.repository, image.digest, listed.digest]
                )
            }
            try db.execute(
                sql: "INSERT INTO names VALUES (?, ?, ?, 1, ?, 0, 1)",
                arguments: [
                    sources[1].host, sources[1].repository, "sha256-\(image.digest.hex).sig", tagged.digest,
                ]
            )
        }
        try Schema.migrator.migrate(queue)
        let contents = try queue.read { db in
            try sources.map {
                try db.given.states(.init(of: image.digest, from: $0, to: target)).mapValues(\.rawValue)
            }
        }
        #expect(contents == [[listed.digest: "guessed"], [listed.digest: "guessed", tagged.digest: "tagged"]])
        #expect(try queue.read { try $0.given.all(of: image.digest, to: target) } == [listed.digest, tagged.digest])
    }
}
