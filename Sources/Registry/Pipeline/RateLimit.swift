import FoundationEssentials
import Logging
import OCI

/// Makes errors of the statuses that nobody has asked for, and pauses a host that wants no more requests.
struct RateLimit: HTTPHandler {
    let next: any HTTPHandler
    let host: String
    let patience: HostPatience
    /// Where it is decided how many requests there are at a time.
    let places: HostGate
    let retry: Retry
    let pauses: HostPauses

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let response = try await next.send(request)
        guard !request.accepted.contains(response.status) else {
            answered(request, response)
            return response
        }
        var error = RegistryError(response, request.context)
        // A denial may be for good, whatever the header says; the words tell.
        let isLimit = response.status == 403 && told(response) != nil && error.namesLimit
        if isLimit { (error.kind, error.credential) = (.unavailable, nil) }
        if isLimit || [429, 503].contains(response.status) || error.code == .tooManyRequests {
            bound(error, request.context)
            pause(&error, response, request)
            if !response.isHome { patience.answered(request) }
        } else {
            answered(request, response)
        }
        throw error
    }

    /// Who leads to somebody else has answered as well.
    private func answered(_ request: HTTPRequest, _ response: HTTPResponse) {
        patience.answered(request)
        if !response.isHome { pauses.stranger(at: response.url.origin)?.answered(request) }
    }

    private func bound(_ error: RegistryError, _ context: CallContext) {
        guard let limit = places.wantsFewer(isOverload: !error.wantsFewer) else { return }
        retry.logger.debug(
            "a host is asked fewer things at a time from now on",
            metadata: ["host": "\(context.location.host)", "count": "\(limit)"]
        )
    }

    private func told(_ response: HTTPResponse) -> Duration? {
        guard let text = response.header("Retry-After") ?? response.header("X-Retry-After") else { return nil }
        // A moment is one of the host's own clock.
        let date = response.header("Date").flatMap(HTTPDate.parse)
        return RetryAfter.delay(text, now: date.map { Date(timeIntervalSince1970: $0) } ?? retry.date())
    }

    /// What is told to wait less than the ordinary back-off, or under a second, waits for that and counts as a try.
    private func pause(_ error: inout RegistryError, _ response: HTTPResponse, _ request: HTTPRequest) {
        let context = request.context
        let told = told(response)
        guard told != nil || response.status != 503 else { return }
        let ordinary = context.budget.ordinaryDelay
        let delay = max(told ?? .zero, ordinary)
        let isOrdinary =
            !context.budget.hasAlternative && (delay == ordinary && told != ordinary || delay < .seconds(1))
        let refusing = response.isHome ? patience : pauses.stranger(at: response.url.origin, retry)
        // A wait that is too long fails the operation at once, and all that would ask the same.
        if !isOrdinary, delay > retry.policy.maximumRetryAfter {
            refusing.refusals.refused(request, status: response.status, for: delay)
        }
        if isOrdinary || delay <= retry.policy.maximumRetryAfter {
            let isNew = refusing.gate.pause(for: delay)
            // What needs the one needs the other.
            pauses.begins(at: context.location.host, for: delay)
            if isNew, !context.budget.hasAlternative {
                let code = error.code.map { " \($0.rawValue)" } ?? ""
                retry.tell(error.other ?? host, "\(response.status)\(code)", waits: delay)
            }
        }
        if !isOrdinary { error.pause = delay }
    }
}
