import Cache
import CacheSupport
import OCI
import Serve
import TestSupport
import Testing

@testable import Page
@testable import imglife

/// The page of one image, about a cache that holds it.
@Suite(.timeLimit(.minutes(10)))
struct PageImageTests {
    private static let image = SampleImage.multiPlatform()
    private static let place = "/?repository=docker.io/library/app"

    private func get(
        _ uri: String,
        _ change: (ContentCache, String) async throws -> Void = { _, _ in }
    ) async throws -> String {
        try await withCache { cache, path async throws in
            try await cache.load(Self.image, as: ImageReference("app:1"))
            let signature = SampleImage.artifact(of: Self.image.top)
            try await cache.load(signature, as: ImageReference("app:signature"))
            let repository = try RepositoryReference("docker.io/library/app")
            try await cache.referrers.set(of: Self.image.digest, in: repository, to: [signature.top])
            try await change(cache, path)
            let page = try CachePage(PageSource(cache, traffic: { PageTraffic() }), address: "m:5050", isTLS: false)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await page.run() }
                let query = uri.dropFirst(2).split(separator: "&").map { pair in
                    let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
                    return (name: parts[0], value: parts.count > 1 ? parts[1] : "")
                }
                return try await page.document(for: query, from: "mirror.lan:5050").html
            }
        }
    }

    @Test("A tag's page has the whole digest, each platform with digest, size and layers, and what refers to it")
    func whole() async throws {
        let html = try await get("\(Self.place)&tag=1")
        #expect(html.contains("<h1>docker.io/library/app:1</h1>"))
        #expect(html.contains(#"<code class="digest">\#(Self.image.digest)</code>"#))
        #expect(html.contains(".pull,.digest{user-select:all}"))
        for part in Self.image.manifests where part.descriptor != Self.image.top {
            #expect(html.contains(#"<code class="digest">\#(part.descriptor.digest)</code>"#))
        }
        for layer in Self.image.blobs where layer.descriptor.mediaType != .ociConfig {
            #expect(html.contains(#"<code class="digest">\#(layer.descriptor.digest)</code>"#))
        }
        #expect(html.contains("<strong>linux/amd64</strong>") && html.contains("<strong>linux/arm64/v8</strong>"))
        #expect(html.contains("application/vnd.example.signature"))
        #expect(html.contains("<dd>2024-01-02</dd>") && html.contains("<dt>Here since</dt>"))
        #expect(!html.contains(#"class="incomplete">"#))
    }

    @Test("It has the lines that pull it with docker, podman and containerd, by tag and by digest")
    func pulls() async throws {
        let html = try await get("\(Self.place)&tag=1")
        for command in ["docker pull", "podman pull", "ctr images pull"] {
            for name in [":1", "@\(Self.image.digest)"] {
                let line = "\(command) mirror.lan:5050/docker.io/library/app\(name)"
                #expect(html.contains(#"<code class="pull">\#(line)</code>"#), "\(line)")
            }
        }
    }

    @Test("One platform of it has a page by its digest, and so has what refers to it")
    func parts() async throws {
        let child = try #require(Self.image.manifests.first { $0.descriptor.mediaType == .ociManifest })
        let html = try await get("\(Self.place)&digest=\(child.descriptor.digest)")
        #expect(html.contains(#"<code class="digest">\#(child.descriptor.digest)</code>"#))
        let missing = try await get("\(Self.place)&tag=2")
        #expect(missing.contains("There is no image 2 of docker.io/library/app in the cache."))
    }

    @Test("An image that lacks a layer is marked: in the list, on its repository's page and on its own")
    func incomplete() async throws {
        let lost = try #require(Self.image.blobs.last).descriptor.digest
        let lose: (ContentCache, String) async throws -> Void = { _, path in try Files.remove(file(lost, in: path)) }
        for uri in ["/?", Self.place] {
            #expect(try await get(uri, lose).contains(#"<span class="incomplete">incomplete</span>"#), "\(uri)")
            #expect(try await !get(uri).contains(#"<span class="incomplete">"#), "\(uri)")
        }
        let html = try await get("\(Self.place)&tag=1", lose)
        #expect(html.contains("Parts of it are not in the cache."))
        #expect(html.contains(#"<span class="incomplete">not here</span>"#))
    }

    private static func manifest(_ image: SampleImage) throws -> Manifest {
        try Manifest(bytes: image.topBytes, contentType: .ociManifest)
    }

    @Test("It says where the image came from, and nothing of who has only a name for it")
    func origins() async throws {
        let unknown = try await get("\(Self.place)&tag=1")
        #expect(!unknown.contains("<dt>Came from</dt>"))
        let told = try await get("\(Self.place)&tag=1") { cache, _ in
            let top = try Manifest(bytes: Self.image.topBytes, contentType: Self.image.top.mediaType)
            try await cache.store(top, from: RepositoryReference("quay.io/team/app"))
        }
        #expect(told.contains("<dt>Came from</dt><dd>quay.io/team/app</dd>"))
    }

    @Test("Of thousands of layers the first stand there, and how many more there are")
    func manyLayers() async throws {
        let image = SampleImage.content(
            config: (.ociConfig, "{}"),
            layers: Array(repeating: (.ociLayer, "x"), count: 2000)
        )
        let html = try await get("\(Self.place)&tag=many") { cache, _ in
            try await cache.store(Self.manifest(image), from: nil)
            try await cache.names.record("many", of: RepositoryReference("docker.io/library/app"), as: image.top)
        }
        #expect(html.matches(of: /<span class="incomplete">not here</).count == 128)
        #expect(html.contains("2\u{202F}000 layers") && html.contains("and 1\u{202F}872 more"))
    }

    @Test("Of many referrers the first stand there, and how many more there are")
    func manyReferrers() async throws {
        let signatures = (0..<130).map { SampleImage.artifact(of: Self.image.top, content: "\($0)") }
        let html = try await get("\(Self.place)&tag=1") { cache, _ in
            for signature in signatures { try await cache.store(Self.manifest(signature), from: nil) }
            let repository = try RepositoryReference("docker.io/library/app")
            try await cache.referrers.set(of: Self.image.digest, in: repository, to: signatures.map(\.top))
        }
        #expect(html.matches(of: /application\/vnd\.example\.signature/).count == 100)
        #expect(html.contains(#"<p class="quiet">and 30 more</p>"#))
    }
}
