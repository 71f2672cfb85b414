import NIOHTTP1
import OCI

/// Which redirects are followed, and with what.
///
/// Credentials belong to the registry's origin and do not come back once a redirect has led away from it. HTTPS does
/// never leads to HTTP. A request with a body follows within its origin only.
struct Redirects: Sendable {
    private static let limit = 10

    let registry: Origin
    let context: CallContext
    private(set) var mayCarryCredentials = true
    private var visited: Set<HTTPURL> = []
    /// Whether the way has led over HTTPS: from there it may not lead back to HTTP.
    private var isSecured: Bool

    init(registry: Origin, context: CallContext) {
        self.registry = registry
        self.context = context
        isSecured = registry.scheme == .https
    }

    /// Takes in where the first request goes: a place that the registry has sent us to may be another's too.
    mutating func start(at address: HTTPURL) throws(RegistryError) {
        try enter(address)
    }

    /// - Returns: where to go on; `nil` when the reply is no redirect.
    mutating func next(_ reply: Reply, from request: WireRequest) throws(RegistryError) -> HTTPURL? {
        guard [301, 302, 303, 307, 308].contains(reply.status), let text = reply.headers.first(name: "Location") else {
            return nil
        }
        guard let target = request.address.resolving(text) else {
            throw context.error(.protocolViolation, "the registry redirects to something that is not an HTTP address")
        }
        let isReading = request.method == .GET || request.method == .HEAD
        if !isReading {
            guard reply.status >= 307, target.origin == request.address.origin else {
                throw context.error(
                    .protocolViolation,
                    "the registry redirects a \(request.method) to \(target.origin), which is refused",
                    status: reply.status
                )
            }
        }
        try enter(target)
        return target
    }

    private mutating func enter(_ address: HTTPURL) throws(RegistryError) {
        if address.origin.scheme == .http, isSecured {
            let hint =
                address.origin.host == registry.host
                ? "; a proxy in front of it may have to set X-Forwarded-Proto" : ""
            throw context.error(
                .protocolViolation,
                "the registry leads from HTTPS to plain HTTP at \(address.origin), which is refused\(hint)"
            )
        }
        guard visited.insert(address).inserted, visited.count <= Self.limit + 1 else {
            throw context.error(.protocolViolation, "the registry redirects in a circle or too often")
        }
        if address.origin.scheme == .https { isSecured = true }
        if address.origin != registry { mayCarryCredentials = false }
    }
}
