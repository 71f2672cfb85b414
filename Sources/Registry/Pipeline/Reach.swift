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
        do {
            let response = try await send(request, to: endpoint)
            guard response.status == 400, String(buffer: response.bytes).contains("HTTPS server") else {
                // Who has answered speaks plain HTTP; what breaks later is no reason to doubt it.
                if response.status != 400 { self.endpoint.withLock { $0 = Endpoint(base: endpoint.base) } }
                return response
            }
        } catch let error as RegistryError where error.isBeforeAnswer {
            let response = try await overTLS(request, endpoint, after: error)
            self.endpoint.withLock { $0 = endpoint.overTLS }
            return response
        }
        let response = try await send(request, to: endpoint.overTLS)
        self.endpoint.withLock { $0 = endpoint.overTLS }
        return response
    }

    /// Tries TLS where plain HTTP got no answer; only what TLS itself has to say is worth more than the first error.
    private func overTLS(
        _ request: HTTPRequest,
        _ endpoint: Endpoint,
        after first: RegistryError
    ) async throws -> HTTPResponse {
        do {
            return try await send(request, to: endpoint.overTLS)
        } catch let error as RegistryError where error.kind == .connection(.certificate) {
            throw error
        } catch {
            throw first
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
