import OCI

/// How a host, or somebody to whom it leads, is left alone by its own word.
struct HostPatience: Sendable {
    /// How long it may want no requests, and answer nothing else, before it is given up for as long as it wants none.
    private static let limit = Duration.seconds(900)

    let gate: HostGate
    let refusals: LongRefusals
    private let retry: Retry

    init(_ gate: HostGate, _ retry: Retry) {
        self.gate = gate
        self.retry = retry
        refusals = LongRefusals(patience: retry.policy.maximumRetryAfter, timer: retry.timer)
    }

    /// The host has answered a request.
    func answered(_ request: HTTPRequest) {
        gate.answered()
        refusals.answered(request)
    }

    /// Where one operation after the other would wait in vain, those that begin later need not.
    func check(_ request: HTTPRequest) throws(RegistryError) {
        if let standing = refusals.standing(against: request) {
            throw refusal(request.context, "", status: standing.status, left: standing.left)
        }
        guard let left = gate.pauseLeft(refusingFor: Self.limit) else { return }
        throw refusal(
            request.context,
            "it has refused everything for \(Self.limit.components.seconds / 60) minutes",
            left: left
        )
    }

    func refusal(
        _ context: CallContext,
        _ detail: String,
        status: Int = 429,
        left: Duration
    ) -> RegistryError {
        retry.rateLimited(context.error(.unavailable, detail, status: status), left)
    }
}
