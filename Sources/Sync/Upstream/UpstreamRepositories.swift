package import Logging
package import OCI
package import Registry
import Synchronization

/// The repositories of registries as upstreams of a server, by way of their hosts' mirrors where they have some.
package final class UpstreamRepositories: Sendable {
    /// How long it is remembered that a mirror cannot be reached.
    private static let healthLifetime = Duration.seconds(60)

    private struct Health {
        var mirrors: MirrorHealth
        var since: ContinuousClock.Instant
    }

    private let configuration: Configuration
    private let questions: RegistryClient
    private let opening: RegistryClient
    private let content: RegistryClient
    private let logger: Logger
    private let health: Mutex<Health>

    /// `questions` asks about tags, manifests and sizes, so that its retries should end soon, and `opening` begins blobs,
    /// so that its should too; `content` goes on with those that broke off.
    package init(
        _ configuration: Configuration,
        questions: RegistryClient,
        opening: RegistryClient,
        content: RegistryClient,
        logger: Logger
    ) {
        self.configuration = configuration
        self.questions = questions
        self.opening = opening
        self.content = content
        self.logger = logger
        health = Mutex(Health(mirrors: MirrorHealth(logger: logger), since: .now))
    }

    /// One repository; sends nothing yet.
    package func upstream(of location: RepositoryReference) -> any Upstream {
        SourceUpstream(
            questions: source(location, questions),
            opening: source(location, opening),
            content: source(location, content)
        )
    }

    private func source(_ location: RepositoryReference, _ client: RegistryClient) -> any ImageSource {
        ImagePlaces(registries: configuration.registries, client: client, health: currentHealth).source(at: location)
    }

    /// What has been learnt of mirrors, from the beginning now and then: who serves for months must forget.
    private var currentHealth: MirrorHealth {
        health.withLock { health in
            if health.since.duration(to: .now) > Self.healthLifetime {
                health = Health(mirrors: MirrorHealth(logger: logger), since: .now)
            }
            return health.mirrors
        }
    }
}
