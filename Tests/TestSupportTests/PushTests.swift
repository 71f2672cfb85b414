import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct PushTests {
    let blob = ByteSource.random(seed: 3, count: 100_000)

    private func open(_ client: RawClient) async throws -> String {
        let answer = try await client.request("POST", "/v2/a/blobs/uploads/")
        #expect(answer.status == 202)
        return try #require(answer.headers["location"])
    }

    @Test("A pushed image is held byte for byte")
    func push() async throws {
        let image = SampleImage.multiPlatform()
        try await ScriptedRegistry.with { registry async throws in
            try await RawClient(registry.host).push(image, to: "a/b", tag: "latest")
            #expect(registry.store.holds(image, repository: "a/b"))
            #expect(registry.store.digest(of: "latest", in: "a/b") == image.digest)
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("Chunks are taken in order, and the status tells the offset")
    func chunks() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let client = RawClient(registry.host)
            let location = try await open(client)
            let first = try await client.request(
                "PATCH",
                location,
                ["Content-Range": "0-59999"],
                body: ByteSource(blob.read(at: 0, count: 60_000))
            )
            #expect(first.status == 202)
            #expect(first.headers["range"] == "0-59999")
            let wrong = try await client.request(
                "PATCH",
                location,
                ["Content-Range": "0-9"],
                body: ByteSource(blob.read(at: 0, count: 10))
            )
            #expect(wrong.status == 416)
            let status = try await client.get(location)
            #expect(status.status == 204)
            #expect(status.headers["range"] == "0-59999")
            let rest = ByteSource(blob.read(at: 60_000, count: 40_000))
            _ = try await client.request("PATCH", location, ["Content-Range": "60000-99999"], body: rest)
            let done = try await client.request("PUT", "\(location)?digest=\(blob.digest())")
            #expect(done.status == 201)
            #expect(registry.store.blob(blob.digest(), in: "a")?.count == 100_000)
        }
    }

    @Test("A digest that is not the content's is refused", arguments: [true, false])
    func wrongDigest(keepsBytes: Bool) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.options.keepsUploadedBytes = keepsBytes
            let client = RawClient(registry.host)
            let other = Digest.of(ByteBuffer(string: "other"))
            let bad = try await client.request("PUT", "\(try await open(client))?digest=\(other)", body: blob)
            #expect(bad.status == 400)
            #expect(bad.text.contains("DIGEST_INVALID"))
            let good = try await client.request("PUT", "\(try await open(client))?digest=\(blob.digest())", body: blob)
            #expect(good.status == 201)
            let uri = "/v2/a/blobs/\(blob.digest())"
            #expect(try await client.request("HEAD", uri).headers["content-length"] == "100000")
        }
    }

    @Test("A manifest without its blobs is refused")
    func missingBlobs() async throws {
        let image = SampleImage.image()
        try await ScriptedRegistry.with { registry async throws in
            let source = ByteSource(image.topBytes)
            let client = RawClient(registry.host)
            let type: HeaderList = ["Content-Type": MediaType.ociManifest.description]
            let answer = try await client.request("PUT", "/v2/a/manifests/x", type, body: source)
            #expect(answer.status == 400)
            #expect(answer.text.contains("MANIFEST_BLOB_UNKNOWN"))
            #expect(registry.store.tags(of: "a").isEmpty)
        }
    }

    @Test("A mount copies within the registry, or opens an upload where that is off")
    func mount() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let digest = registry.store.putBlob(blob.buffer, in: "from").digest
            let client = RawClient(registry.host)
            let uri = "/v2/a/blobs/uploads/?mount=\(digest)&from=from"
            registry.options.mounts = false
            #expect(try await client.request("POST", uri).status == 202)
            #expect(registry.store.blob(digest, in: "a") == nil)
            registry.options.mounts = true
            #expect(try await client.request("POST", uri).status == 201)
            #expect(registry.store.blob(digest, in: "a")?.count == 100_000)
        }
    }

    @Test("What arrived of a broken upload counts or not, as set", arguments: [true, false])
    func brokenUpload(keeps: Bool) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.options.keepsPartialUploads = keeps
            let client = RawClient(registry.host)
            let location = try await open(client)
            registry.script(.init("PATCH"), .resetUpload(afterBytes: 1000))
            let answer = try await client.request("PATCH", location, body: blob)
            #expect(answer.status == 0)
            #expect(answer.error != nil)
            #expect(registry.requests.last?.bodyByteCount == 1000)
            #expect(try await client.get(location).headers["range"] == (keeps ? "0-999" : "0-0"))
        }
    }

    @Test("An upload's place is given in the form that is scripted")
    func locations() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let forms: [(LocationForm, String)] = [
                (.relative, "/v2/a/"), (.absolute, "http://\(registry.host)/v2/a/"),
                (.schemeRelative, "//\(registry.host)/v2/a/"),
                (.origin("http://other.example"), "http://other.example/v2/a/"),
            ]
            for (form, prefix) in forms {
                registry.script(.init("POST", .uploads), .uploadLocation(form))
                #expect(try await open(RawClient(registry.host)).hasPrefix(prefix))
            }
            registry.script(.init("POST", .uploads), .uploadLocation(.withQuery))
            let location = try await open(RawClient(registry.host))
            #expect(location.contains("?_state="))
            let uri = "\(location)&digest=\(blob.digest())"
            #expect(try await RawClient(registry.host).request("PUT", uri, body: blob).status == 201)
        }
    }
}
