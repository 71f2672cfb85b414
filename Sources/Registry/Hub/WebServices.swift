import Concurrency
import OCI
import Synchronization

/// The web services of one client, each once.
final class WebServices: Sendable {
    private let configuration: RegistryConfiguration
    private let transport: HTTPTransport
    private let services = Mutex<[Origin: WebService]>([:])

    init(_ configuration: RegistryConfiguration, transport: HTTPTransport) {
        self.configuration = configuration
        self.transport = transport
    }

    subscript(origin: Origin) -> WebService {
        services.withLock { services in
            if let service = services[origin] { return service }
            let timer = Timer(configuration.clock)
            let retrier = Retrier(
                policy: configuration.retry,
                timer: timer,
                date: configuration.date,
                logger: configuration.logger
            )
            let service = WebService(origin, transport: transport, retrier: retrier)
            services[origin] = service
            return service
        }
    }
}
