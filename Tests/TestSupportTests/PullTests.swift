import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct PullTests {
    let image = SampleImage.image(layers: [.init(seed: 7, size: 300_000)])

    @Test("A loaded image is answered by tag and by digest, byte for byte")
    func manifests() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/a", tag: "1.0")
            let client = RawClient(registry.host)
            for reference in ["1.0", image.digest.description] {
                let answer = try await client.get("/v2/library/a/manifests/\(reference)")
                #expect(answer.status == 200)
                #expect(answer.body == image.topBytes)
                #expect(answer.headers["docker-content-digest"] == image.digest.description)
                #expect(answer.headers["content-type"] == MediaType.ociManifest.description)
            }
            #expect(try await client.get("/v2/library/a/manifests/2.0").status == 404)
            #expect(registry.count("GET", pathContains: "/manifests/") == 3)
            #expect(registry.requests.map(\.status) == [200, 200, 404])
            #expect(registry.requests[0].bytesSent == image.topBytes.readableBytes)
        }
    }

    @Test(
        "A range of a blob is answered as asked",
        arguments: [
            ("bytes=0-9", 206, 0..<10), ("bytes=299990-", 206, 299_990..<300_000), ("bytes=-5", 206, 299_995..<300_000),
            ("bytes=300000-", 416, 0..<0), ("bytes=1-2,5-6", 200, 0..<300_000), ("lines=1-2", 200, 0..<300_000),
        ]
    )
    func ranges(header: String, status: Int, range: Range<Int>) async throws {
        let layer = try #require(image.blobs.last)
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "a")
            let client = RawClient(registry.host)
            let uri = "/v2/a/blobs/\(layer.descriptor.digest)"
            let answer = try await client.get(uri, ["Range": header])
            #expect(answer.status == status)
            #expect(answer.body == layer.source.read(at: range.lowerBound, count: range.count))
            registry.options.supportsRange = false
            #expect(try await client.get(uri, ["Range": header]).status == 200)
        }
    }

    @Test("HEAD gives the length and no body")
    func head() async throws {
        let layer = try #require(image.blobs.last)
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "a")
            let answer = try await RawClient(registry.host).request("HEAD", "/v2/a/blobs/\(layer.descriptor.digest)")
            #expect(answer.status == 200)
            #expect(answer.headers["content-length"] == "300000")
            #expect(answer.body.readableBytes == 0)
        }
    }

    @Test("Tags come in pages, with a link to the next one")
    func tags() async throws {
        try await ScriptedRegistry.with { registry async throws in
            for tag in ["c", "a", "b"] { registry.store.tag(try TagName(tag), image.digest, in: "a") }
            registry.options.pageSize = 2
            let client = RawClient(registry.host)
            let first = try await client.get("/v2/a/tags/list")
            #expect(first.text == #"{"name":"a","tags":["a","b"]}"#)
            #expect(first.headers["link"] == #"</v2/a/tags/list?last=b&n=2>; rel="next""#)
            let second = try await client.get("/v2/a/tags/list?last=b&n=2")
            #expect(second.text == #"{"name":"a","tags":["c"]}"#)
            #expect(second.headers["link"] == nil)
            let unknown = try await client.get("/v2/b/tags/list")
            #expect(unknown.status == 404)
            #expect(unknown.text.contains("NAME_UNKNOWN"))
        }
    }

    @Test("Referrers are listed where the API is on, and are 404 where it is off")
    func referrers() async throws {
        let signature = SampleImage.artifact(of: image.top)
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "a")
            registry.load(signature, repository: "a")
            let client = RawClient(registry.host)
            let uri = "/v2/a/referrers/\(image.digest)"
            #expect(try await client.get(uri).status == 404)
            registry.options.referrersAPI = true
            #expect(try await client.get(uri).text.contains(signature.digest.description))
            #expect(try await client.get(uri + "?artifactType=x").text.contains(signature.digest.description) == false)
        }
    }

    @Test("TLS works with the test authority's certificate", .requires(.tool("openssl")))
    func tls() async throws {
        let certificates = try await TestCertificates.shared()
        try await ScriptedRegistry.with(tls: certificates.server, hostName: "localhost") { registry async throws in
            #expect(registry.url.hasPrefix("https://localhost:"))
            let client = RawClient(registry.host, authorityFile: certificates.authorityFile)
            #expect(try await client.get("/v2/").status == 200)
        }
        for bad in [certificates.expired, certificates.wrongHost] {
            try await ScriptedRegistry.with(tls: bad) { registry async throws in
                let client = RawClient(registry.host, authorityFile: certificates.authorityFile)
                #expect(try await client.get("/v2/").status == 0)
                #expect(registry.requests.isEmpty)
            }
        }
    }
}
