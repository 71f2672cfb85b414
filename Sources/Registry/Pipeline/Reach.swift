import Concurrency
import NIOCore
import OCI
import Synchronization

/// Decides which URL of a service a request goes to.
///
/// A guess that it speaks plain HTTP is corrected. What was found out holds while the service answers, and is guessed anew
/// after a while without an answer: who serves for months sees a registry started again with TLS, or without.
final class Reach: HTTPHandler {
    /// How long an answer shows how a service speaks.
    private static let lifetime = Duration.seconds(10)

    private let next: any HTTPHandler
    private let plain: Endpoint
    private let secure: Endpoint
    private let timer: Timer
    /// What a guess has come to.
    private let finding = Mutex((isTLS: false, until: Duration.zero))

    init(_ endpoint: Endpoint, next: any HTTPHandler, timer: Timer) {
        self.next = next
        self.timer = timer
        plain = endpoint
        secure = endpoint.isGuess ? endpoint.overTLS : endpoint
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (isTLS, until) = finding.withLock(\.self)
        guard plain.isGuess, case .path = request.target else { return try await send(request, overTLS: isTLS) }
        if until > timer.now() {
            let response = try await send(request, overTLS: isTLS)
            if isTLS || !Self.mayAskForTLS(response) { finds(isTLS) }
            return response
        }
        let first: Result<HTTPResponse, RegistryError>
        do {
            let response = try await send(request, overTLS: false)
            guard Self.mayAskForTLS(response) else {
                finds(false)
                return response
            }
            first = .success(response)
        } catch let error as RegistryError where error.isBeforeAnswer && !error.isStale {
            first = .failure(error)
        }
        return try await sendOverTLS(request, after: first)
    }

    /// Whether it may be what a server says of plain HTTP on a port for TLS: each does so in its own words.
    private static func mayAskForTLS(_ response: HTTPResponse) -> Bool {
        response.status == 400 && !response.saysErrors
    }

    /// Tries TLS where plain HTTP got no answer of use; only what TLS itself has to say is worth more than that.
    private func sendOverTLS(
        _ request: HTTPRequest,
        after first: Result<HTTPResponse, RegistryError>
    ) async throws -> HTTPResponse {
        do {
            let response = try await send(request, overTLS: true)
            finds(true)
            return response
        } catch let error as RegistryError {
            if case .connection(let connection) = error.kind, connection.isRefusal { throw error }
            return try first.get()
        }
    }

    private func finds(_ isTLS: Bool) {
        let until = timer.now() + Self.lifetime
        finding.withLock { $0 = (isTLS, until) }
    }

    private func send(_ request: HTTPRequest, overTLS isTLS: Bool) async throws -> HTTPResponse {
        let endpoint = isTLS ? secure : plain
        var request = request
        request.home = endpoint.base
        if case .path(let path, let query) = request.target {
            request.target = .url(endpoint.address(path, query: query).naming(request.namespace))
        }
        let response = try await next.send(request)
        try check(response, request)
        return response
    }

    /// What is said about another registry than the one that is meant is not believed.
    private func check(_ response: HTTPResponse, _ request: HTTPRequest) throws(RegistryError) {
        guard let meant = request.namespace, response.isHome,
            let said = response.header("OCI-Namespace").flatMap({ try? RegistryHost($0) }),
            said.withoutUsualPort != meant.withoutUsualPort
        else { return }
        throw request.context.error(.protocolViolation, "asked about \(meant), it answers about \(said)")
    }
}
