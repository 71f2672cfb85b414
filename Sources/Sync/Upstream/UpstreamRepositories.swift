package import Cache
package import Logging
package import OCI
package import Registry

/// The repositories of registries as upstreams of a server, by way of their hosts' mirrors where they have some.
package final class UpstreamRepositories: Sendable {
    /// How long a mirror is left out that cannot be reached: who serves for months must come back to it.
    private static let mirrorsRest = Duration.seconds(60)

    private let configuration: Configuration
    private let questions: RegistryClient
    private let opening: RegistryClient
    private let content: RegistryClient
    private let cache: ContentCache?
    private let health: MirrorHealth

    /// `questions` asks about tags, manifests and sizes, so that its retries should end soon, and `opening` begins blobs,
    /// so that its should too; `content` goes on with those that broke off.
    ///
    /// A cache remembers which registries list referrers.
    package init(
        _ configuration: Configuration,
        questions: RegistryClient,
        opening: RegistryClient,
        content: RegistryClient,
        cache: ContentCache? = nil,
        logger: Logger
    ) {
        self.configuration = configuration
        self.questions = questions
        self.opening = opening
        self.content = content
        self.cache = cache
        health = MirrorHealth(logger: logger, clock: questions.clock, rest: Self.mirrorsRest)
    }

    /// One repository; sends nothing yet.
    package func upstream(of location: RepositoryReference) -> any Upstream {
        SourceUpstream(
            questions: source(location, questions),
            opening: source(location, opening),
            content: source(location, content),
            cache: cache
        )
    }

    private func source(_ location: RepositoryReference, _ client: RegistryClient) -> any ImageSource {
        ImagePlaces(registries: configuration.registries, client: client, health: health).source(at: location)
    }
}
