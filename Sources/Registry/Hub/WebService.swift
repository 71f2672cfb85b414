import AsyncHTTPClient
import Concurrency
import Logging
import NIOHTTP1
import OCI

/// A web service beside the registries, such as Docker Hub's API: asked by their rules for retries, rate limits and
/// redirects, without their challenges.
///
/// One for each origin, so that all requests to it share one gate.
final class WebService: Sendable {
    let origin: Origin
    let retrier: Retrier
    private let transport: HTTPTransport
    private let gate: HostGate

    init(_ origin: Origin, transport: HTTPTransport, retrier: Retrier) {
        self.origin = origin
        self.transport = transport
        self.retrier = retrier
        gate = HostGate(limit: HostGate.defaultLimit, timer: retrier.timer)
    }

    /// What one operation asks of the service.
    struct Question: Sendable {
        var request: WireRequest
        let context: CallContext
        /// How much of a successful answer's body is kept, in bytes.
        let limit: Int
        /// The value of the `Authorization` header; only ever sent to the service's own origin.
        var authorization: Secret?
        /// Whose credentials are behind it, for messages.
        var credential: Credential?
    }

    /// Sends a request, with retries; any status but those accepted becomes an error.
    func fetch(_ question: Question, accepting accepted: Set<Int>) async throws -> Answer {
        try await retrier.run(question.context) { try await attempt(question, accepting: accepted) }
    }

    /// Sends a request once.
    func attempt(_ question: Question, accepting accepted: Set<Int>) async throws -> Answer {
        try await gate.pass(.read) {
            let answer = try await followed(question)
            if answer.status != 429, answer.status != 503 { gate.answered() }
            guard accepted.contains(answer.status) else {
                throw retrier.failure(answer, question.context, credential: question.credential, gate: gate)
            }
            return answer
        }
    }

    private func followed(_ question: Question) async throws -> Answer {
        var redirects = Redirects(registry: origin, context: question.context)
        var request = question.request
        try redirects.start(at: request.address)
        while true {
            request.headers.remove(name: "Authorization")
            if redirects.mayCarryCredentials, let authorization = question.authorization {
                request.headers.add(name: "Authorization", value: authorization.revealed)
            }
            let sent = request
            let answer = try await question.context.mapping { try await send(sent, limit: question.limit) }
            guard let next = try redirects.next(.whole(answer), from: request) else { return answer }
            request.address = next
        }
    }

    private func send(_ request: WireRequest, limit: Int) async throws -> Answer {
        try await transport.mapping {
            try await transport.timer.limit(transport.timeout) { [transport] in
                let response = try await transport.open(request)
                let isSuccess = (200..<300).contains(response.status.code)
                let limit = isSuccess ? limit : min(limit, HTTPTransport.errorBodyLimit)
                return try await transport.collect(response, request: request, limit: limit)
            }
        }
    }
}
