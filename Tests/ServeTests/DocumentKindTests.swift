import OCI
import TestSupport
import Testing

/// Every kind of document that registries hold, as the data of the conformance suite has them.
@Suite(.timeLimit(.minutes(10)))
struct DocumentKindTests {
    private static let subject = SampleImage.multiPlatform()
    private static let verbose = Dictionary(
        uniqueKeysWithValues: (0..<390).map { ("large-annotation-\($0)", String(repeating: "A", count: 10_000)) }
    )

    static let kinds: [(name: String, image: SampleImage)] = [
        ("image", .image()),
        ("docker-image", .image(.docker)),
        ("docker-list", .multiPlatform(.docker)),
        ("large-manifest", .image(annotations: verbose)),
        ("no-layers", .image(layers: [])),
        ("sha512", .image(layers: [.init(seed: 31, size: 0), .init(seed: 32, size: 2048)], algorithm: .sha512)),
        ("index", subject),
        ("index-of-indexes", .index(of: [.multiPlatform(seed: 5), .multiPlatform(seed: 6)])),
        ("empty-index", .index(of: [])),
        ("artifact", .artifact(of: subject.top, type: "application/vnd.example.oci.conformance.v1")),
        ("artifact-of-nothing-here", .artifact(of: SampleImage.image(labels: ["no": "where"]).top, type: "a/b")),
        ("index-with-subject", .index(of: [.image(labels: ["x": "y"])], subject: subject.top)),
        ("foreign-layers", SampleImage.withForeignLayer().image),
    ]

    @Test("Every kind of document is served byte for byte by tag and digest, with all that belongs to it")
    func serves() async throws {
        let images = Self.kinds.map { ("docker.io/library/app:\($0.name)", $0.image) }
        try await ServedCache.with(images) { served async throws in
            for (name, image) in Self.kinds {
                for reference in [name, "\(image.digest)"] {
                    try await check(served, "manifests/\(reference)", image.manifestPart(image.digest), name)
                }
                for part in image.manifests {
                    try await check(served, "manifests/\(part.descriptor.digest)", part, name)
                }
                for part in image.blobs { try await check(served, "blobs/\(part.descriptor.digest)", part, name) }
            }
            let listed = try await served.get("/v2/library/app/tags/list")
            let tags = try JSONValue(parsing: listed.body)["tags"]?.elements?.compactMap(\.string)
            #expect(tags == Self.kinds.map(\.name).sorted())
        }
    }

    private func check(
        _ served: ServedCache,
        _ path: String,
        _ part: SampleImage.Part?,
        _ name: String
    ) async throws {
        let part = try #require(part)
        let whole = try await served.get("/v2/library/app/\(path)")
        let head = try await served.client().request("HEAD", "/v2/library/app/\(path)")
        #expect(whole.body == part.source.buffer, "\(name)")
        for answer in [whole, head] {
            #expect(answer.status == 200, "\(name)")
            #expect(answer.headers["Content-Length"] == "\(part.source.count)", "\(name)")
            #expect(answer.headers["Docker-Content-Digest"] == "\(part.descriptor.digest)", "\(name)")
            let type = path.hasPrefix("blobs/") ? MediaType.octetStream : part.descriptor.mediaType
            #expect(answer.headers["Content-Type"] == "\(type)", "\(name)")
        }
    }
}

extension SampleImage {
    fileprivate func manifestPart(_ digest: Digest) -> Part? { manifests.first { $0.descriptor.digest == digest } }
}
