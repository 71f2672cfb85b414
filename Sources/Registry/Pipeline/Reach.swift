import NIOCore
import OCI
import Synchronization

/// Decides which URL of a service a request goes to; a guess that it speaks plain HTTP is corrected once.
final class Reach: HTTPHandler {
    private let next: any HTTPHandler
    private let endpoint: Mutex<Endpoint>

    init(_ endpoint: Endpoint, next: any HTTPHandler) {
        self.next = next
        self.endpoint = Mutex(endpoint)
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let endpoint = endpoint.withLock(\.self)
        guard endpoint.isGuess, case .path = request.target else { return try await send(request, to: endpoint) }
        let first: Result<HTTPResponse, RegistryError>
        do {
            let response = try await send(request, to: endpoint)
            // So servers answer plain HTTP on a port for TLS, each in its own words.
            guard response.status == 400 else {
                // Who has answered speaks plain HTTP; what breaks later is no reason to doubt it.
                self.endpoint.withLock { $0 = Endpoint(base: endpoint.base) }
                return response
            }
            first = .success(response)
        } catch let error as RegistryError where error.isBeforeAnswer {
            first = .failure(error)
        }
        return try await overTLS(request, endpoint, after: first)
    }

    /// Tries TLS where plain HTTP got no answer of use; only what TLS itself has to say is worth more than that.
    private func overTLS(
        _ request: HTTPRequest,
        _ endpoint: Endpoint,
        after first: Result<HTTPResponse, RegistryError>
    ) async throws -> HTTPResponse {
        do {
            let response = try await send(request, to: endpoint.overTLS)
            self.endpoint.withLock { $0 = endpoint.overTLS }
            return response
        } catch let error as RegistryError where error.kind == .connection(.certificate) {
            throw error
        } catch is RegistryError {
            return try first.get()
        }
    }

    private func send(_ request: HTTPRequest, to endpoint: Endpoint) async throws -> HTTPResponse {
        var request = request
        request.home = endpoint.base
        if case .path(let path, let query) = request.target {
            request.target = .url(endpoint.address(path, query: query))
        }
        return try await next.send(request)
    }
}
