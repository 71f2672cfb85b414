import Cache
import NIOCore
import OCI
import TestSupport

@testable import Registry
@testable import Sync

/// What a source is made of; a new kind is one case here and passes the whole suite.
enum SourceKind: String, CaseIterable, Sendable {
    case registry
    case dockerHub
    case mirrors
    case cache
    case layout

    static let repository: RepositoryName = "library/app"

    /// What every source has: two tags of one image, another image, and a signature of the first.
    struct Contents {
        let image = SampleImage.multiPlatform()
        let other = SampleImage.image(layers: [.init(seed: 9, size: 70_000)])
        var signature: SampleImage { .artifact(of: image.top) }

        var tags: [(name: TagName, image: SampleImage)] { [("1.0", image), ("1", image), ("2.0", other)] }
    }

    /// Runs a body with a source that has the contents, and with one of a repository that is not there.
    func with(
        _ contents: Contents,
        _ body: (_ source: any ImageSource, _ absent: any ImageSource) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry in
            for (name, image) in contents.tags { registry.load(image, repository: Self.repository, tag: name) }
            registry.load(contents.signature, repository: Self.repository)
            switch self {
            case .registry, .dockerHub: try await withRegistry(registry, contents, mirror: nil, body)
            case .mirrors:
                try await ScriptedRegistry.with { mirror in
                    mirror.load(contents.image, repository: Self.repository)
                    try await withRegistry(registry, contents, mirror: mirror, body)
                }
            case .cache: try await withCache(contents, body)
            case .layout:
                try await TemporaryDirectory.with { path in
                    let layout = try LayoutSource(contents, in: path)
                    try await body(layout, LayoutSource(location: layout.location, path: path + "/absent"))
                }
            }
        }
    }

    private func withRegistry(
        _ registry: ScriptedRegistry,
        _ contents: Contents,
        mirror: ScriptedRegistry?,
        _ body: (any ImageSource, any ImageSource) async throws -> Void
    ) async throws {
        let host = self == .dockerHub ? .dockerHub : registry.host
        var settings = HostSettings(endpoint: registry.url)
        if self == .dockerHub {
            settings.hubAPI = registry.url
            _ = HubStandIn(registry, repository: "library/app", rows: contents.tags.map { .init("\($0.name)") })
        }
        var configuration = RegistryConfiguration(logger: LogText().logger)
        configuration.hosts = [host: settings]
        configuration.credentials = try CredentialStore(environment: [:], home: nil)
        configuration.clock = TestClock()
        try await RegistryClient.with(configuration) { client in
            var options = Sync.RegistryOptions()
            options.mirrors = mirror.map { [$0.host] } ?? []
            let health = MirrorHealth(logger: LogText().logger)
            let places = ImagePlaces(registries: [host: options], client: client, health: health)
            let absent = RepositoryReference(host: host, repository: "library/nothing")
            try await body(
                places.source(at: RepositoryReference(host: host, repository: Self.repository)),
                places.source(at: absent)
            )
        }
    }

    private func withCache(
        _ contents: Contents,
        _ body: (any ImageSource, any ImageSource) async throws -> Void
    ) async throws {
        let location = RepositoryReference(host: "up.example.com", repository: Self.repository)
        try await TemporaryDirectory.with { path in
            let layout = try LayoutSource(contents, in: path + "/layout")
            try await ContentCache.with(CacheConfiguration(directory: path + "/cache")) { cache in
                for image in [contents.image, contents.other, contents.signature] {
                    for blob in image.blobs { try await cache.follow(blob.descriptor, from: layout).whenCommitted() }
                    for part in image.manifests {
                        try await cache.store(layout.manifest(part.descriptor), from: location)
                    }
                }
                for (name, image) in contents.tags { try await cache.names.record(name, of: location, as: image.top) }
                try await cache.referrers.set(
                    of: contents.image.digest,
                    in: location,
                    to: [contents.signature.top]
                )
                let absent = RepositoryReference(host: "up.example.com", repository: "library/nothing")
                try await body(
                    CachedSource(location: location, cache: cache),
                    CachedSource(location: absent, cache: cache)
                )
            }
        }
    }
}
