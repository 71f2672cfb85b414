import Concurrency
import NIOHTTP1
import OCI
import Synchronization

/// Believes of a registry alone that something is not there: who stands before one that is just being started says so of
/// everything.
///
/// A 404 in a registry's words is one. Any other is believed where somebody answers as a registry at the base
/// (OCI distribution-spec 1.1.1, end-1), and an outage elsewhere. Whoever leads to somebody else has not said that it is
/// not there: what that one lacks is an outage too, unless it is a registry as well.
final class BelievedAbsence: HTTPHandler {
    /// How long a registry counts as there that was asked: nobody asks it again for each thing that it lacks.
    private static let lifetime = Duration.seconds(5)

    private let next: any HTTPHandler
    private let timer: Timer
    private let answers = SingleFlight<Lane, Bool>()
    private let isThereUntil = Mutex(Duration.zero)

    init(next: any HTTPHandler, timer: Timer) {
        self.next = next
        self.timer = timer
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let response = try await next.send(request)
        if response.isLost, doubts(request), try await !isBelieved(response, request) { throw lost(response, request) }
        guard response.status == 404, response.isHome, doubts(request), !response.saysErrors else { return response }
        guard try await isRegistry(request) else {
            throw request.context.error(
                .unavailable,
                "who answers for it says that it is not there, and is no registry at /v2/",
                status: 404
            )
        }
        return response
    }

    /// Whether the one to whom it has led is a registry too; who has somebody else to ask does so at once, whatever it is.
    private func isBelieved(_ response: HTTPResponse, _ request: HTTPRequest) async throws -> Bool {
        guard !request.context.budget.hasAlternative else { return true }
        let base = HTTPURL(origin: response.url.origin, path: "/v2/", query: nil)
        var question = HTTPRequest(context: request.context, method: .GET, target: .url(base))
        (question.lane, question.home) = (request.lane, response.home)
        let answer = try await next.send(question)
        return 200..<300 ~= answer.status && !answer.isWebPage || answer.status == 401 && !answer.challenges.isEmpty
    }

    /// The next try gets another address.
    private func lost(_ response: HTTPResponse, _ request: HTTPRequest) -> RegistryError {
        var error = RegistryError(response, request.context)
        (error.kind, error.isRetriedOnce) = (.unavailable, false)
        return error
    }

    /// Not where something else is asked next all the same: a GET after a HEAD, the whole after a range, the tag in the
    /// place of the referrers interface.
    private func doubts(_ request: HTTPRequest) -> Bool {
        guard request.scope?.access == .pull else { return false }
        switch request.context.action {
        case .listReferrers: return false
        case .readBlob: return request.headers["Range"].isEmpty
        default: return request.method == .GET
        }
    }

    private var isKnown: Bool { isThereUntil.withLock { $0 } > timer.now() }

    private func isRegistry(_ request: HTTPRequest) async throws -> Bool {
        if isKnown { return true }
        return try await answers.value(for: request.lane, request.context) {
            // It may have been found out since.
            if isKnown { return true }
            var question = HTTPRequest(context: request.context, method: .GET, target: .path(""))
            question.lane = request.lane
            let isThere = Self.isRegistrys(try await next.send(question))
            if isThere { isThereUntil.withLock { $0 = timer.now() + Self.lifetime } }
            return isThere
        }
    }

    /// Whether an answer of the base without credentials is a registry's.
    private static func isRegistrys(_ answer: HTTPResponse) -> Bool {
        switch answer.status {
        case 200..<300: !answer.isWebPage || !answer.isHome
        case 401, 403: true
        case 404: answer.saysErrors
        default: answer.status < 500
        }
    }
}
