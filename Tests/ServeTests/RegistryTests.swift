import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

/// The read-only half of the distribution specification, as its conformance suite looks at it, and some more.
@Suite(.timeLimit(.minutes(10)))
struct RegistryTests {
    @Test("Each request of the table gets its answer")
    func table() async throws {
        try await ServedCache.with(Self.images) { served async throws in
            for check in Self.checks {
                let answer = try await served.client().request(check.method, check.uri, check.headers)
                #expect(answer.status == check.status, "\(check.testDescription): \(answer.text)")
                for (name, value) in check.expected {
                    #expect(answer.headers[name] == value, "\(check.testDescription)")
                }
                if check.method == "HEAD" || check.status == 304 {
                    #expect(answer.body.readableBytes == 0, "\(check.testDescription)")
                } else {
                    #expect(
                        answer.headers["Content-Length"] == "\(answer.body.readableBytes)",
                        "\(check.testDescription)"
                    )
                    #expect(answer.text.contains(check.text), "\(check.testDescription): \(answer.text)")
                }
                #expect(answer.headers["Content-Encoding"] == nil && answer.headers.all("Content-Length").count <= 1)
                if answer.status >= 400, check.method != "HEAD" {
                    #expect(
                        answer.headers["Content-Type"] == "application/json" && answer.text.hasPrefix("{\"errors\":[{")
                    )
                }
            }
        }
    }

    @Test("HEAD tells what GET tells, for every GET of the table")
    func heads() async throws {
        try await ServedCache.with(Self.images) { served async throws in
            for check in Self.checks
            where check.method == "GET" && check.uri != "/metrics" && check.headers["Range"] == nil {
                let full = try await served.client().get(check.uri, check.headers)
                let head = try await served.client().request("HEAD", check.uri, check.headers)
                #expect(head.status == full.status && head.body.readableBytes == 0, "\(check.uri)")
                let names = full.headers.fields.map(\.name)
                #expect(head.headers.fields.map(\.name) == names, "\(check.uri)")
                for name in names where name != "Date" {
                    #expect(head.headers[name] == full.headers[name], "\(check.uri)")
                }
            }
        }
    }

    @Test("Manifests and blobs leave byte for byte, whole and in parts")
    func bytes() async throws {
        try await ServedCache.with(Self.images) { served async throws in
            for (_, image) in Self.images {
                for part in image.manifests {
                    let answer = try await served.get("/v2/app/manifests/\(part.descriptor.digest)")
                    #expect(answer.body == part.source.buffer)
                    #expect(answer.headers["Content-Type"] == part.descriptor.mediaType.description)
                }
                for part in image.blobs {
                    let uri = "/v2/app/blobs/\(part.descriptor.digest)"
                    let size = part.source.count
                    for (first, last) in [(0, 0), (1, 70_000), (size / 2, size - 1), (size - 1, size + 5)]
                    where first >= 0 && first < size {
                        let range: HeaderList = ["Range": "bytes=\(first)-\(last)"]
                        let expected = part.source.buffer.getSlice(at: first, length: min(last, size - 1) - first + 1)
                        #expect(try await served.get(uri, range).body == expected, "\(uri) \(first)-\(last)")
                    }
                    #expect(try await served.get(uri).body == part.source.buffer)
                }
            }
        }
    }

    @Test("The fallback tag of an upstream without the referrers API counts, each referrer once")
    func fallbackTag() async throws {
        let plain = SampleImage.image(layers: [.init(seed: 77, size: 10)])
        let listed = SampleImage.index(of: [Self.signature, plain])
        let tag = try Self.app.digest.referrersTag
        let images = [("quay.io/a/b:1", Self.app), ("quay.io/a/b:\(tag)", listed)]
        try await ServedCache.with(images) { served async throws in
            let answer = try await served.get("/v2/quay.io/a/b/referrers/\(Self.app.digest)")
            let root = try JSONValue(parsing: answer.body)
            let digests = (root["manifests"]?.elements ?? []).compactMap { $0["digest"]?.string }
            #expect(digests == [Self.signature.digest.description, plain.digest.description])
            #expect(try Manifest(bytes: answer.body, contentType: .ociIndex).references.count == 2)
        }
    }

    @Test("A repository of another host that a run brings into the cache is served without a restart")
    func newHost() async throws {
        try await ServedCache.with([("docker.io/library/app:1", Self.app)]) { served async throws in
            try await served.cache.load(Self.app, as: ImageReference("ghcr.io/a/b:1"))
            #expect(try await served.get("/v2/ghcr.io/a/b/manifests/1").status == 200)
            #expect(try await served.get("/v2/evil.example/a/b/manifests/1").status == 404)
        }
    }
}
