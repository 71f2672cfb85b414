package import OCI
import Synchronization

/// An OCI distribution registry on loopback that does what a test scripts.
///
/// Without a script it is a working registry over its ``RegistryStore``. Everything it receives is recorded.
package final class ScriptedRegistry: Sendable {
    /// What the registry holds.
    package let store: RegistryStore
    /// Where it listens.
    package let host: RegistryHost
    /// `http://host:port` or `https://host:port`.
    package let url: String
    /// What it serves `/token` from.
    package let tokenIssuer: TokenIssuer?

    private struct Rule {
        let match: RequestMatch
        let action: Action
        var seen = 0
        var applied = 0
    }

    private let settings: Mutex<(options: RegistryOptions, authentication: Authentication)>
    private let rules = Mutex<[Rule]>([])
    private let records = Watched<[RecordedRequest]>([])
    private let connections = Mutex(0)

    init(_ configuration: Configuration, host: RegistryHost) {
        store = configuration.store
        self.host = host
        url = (configuration.tls == nil ? "http://" : "https://") + host.description
        if case .bearer(let issuer, _, _) = configuration.authentication {
            tokenIssuer = configuration.tokenIssuer ?? issuer
        } else {
            tokenIssuer = configuration.tokenIssuer
        }
        settings = Mutex((configuration.options, configuration.authentication))
    }

    /// How it behaves while nothing is scripted; may change at any time.
    package var options: RegistryOptions {
        get { settings.withLock { $0.options } }
        set { settings.withLock { $0.options = newValue } }
    }

    /// What it asks of its clients; may change at any time.
    package var authentication: Authentication {
        get { settings.withLock { $0.authentication } }
        set { settings.withLock { $0.authentication = newValue } }
    }
}

// MARK: Scripting and looking

extension ScriptedRegistry {
    /// Adds a rule after those there are; of all rules that match a request and are not used up, the first applies.
    package func script(_ match: RequestMatch, _ action: Action) {
        rules.withLock { $0.append(Rule(match: match, action: action)) }
    }

    /// Forgets all rules.
    package func removeScript() {
        rules.withLock { $0 = [] }
    }

    /// Every request so far, in the order in which the heads arrived.
    package var requests: [RecordedRequest] { records.value }

    /// Forgets the requests so far.
    ///
    /// Only while none is under way: what becomes of one that is would be recorded of another.
    package func forgetRequests() {
        records.update { $0 = [] }
    }

    /// How many requests with a method (`nil`: any) had a path that contains a text.
    package func count(_ method: String? = nil, pathContains text: String = "") -> Int {
        requests.count { (method == nil || $0.method == method) && $0.path.contains(text) }
    }

    /// The methods and targets of all requests, such as `GET /v2/`.
    package var transcript: [String] { requests.map { "\($0.method) \($0.uri)" } }

    /// Whether a text occurs anywhere in what was received, decoded or not; bodies of uploads are left out.
    package func transcriptContains(_ text: String) -> Bool {
        requests.contains { $0.contains(text) }
    }

    /// How many connections have been accepted.
    package var connectionCount: Int { connections.withLock { $0 } }

    /// Waits until the requests satisfy a condition.
    package func waitForRequests(
        _ isSatisfied: @escaping @Sendable ([RecordedRequest]) -> Bool
    ) async throws {
        try await records.wait(until: isSatisfied)
    }
}

// MARK: Serving

extension ScriptedRegistry {
    func newConnection() -> Int {
        connections.withLock { count in
            defer { count += 1 }
            return count
        }
    }

    func record(method: String, uri: String, headers: HeaderList, connection: Int) -> RecordedRequest {
        records.update { records in
            let request = RecordedRequest(
                order: records.count,
                connection: connection,
                method: method,
                uri: uri,
                headers: headers
            )
            records.append(request)
            return request
        }
    }

    func amend(_ request: RecordedRequest, _ change: (inout RecordedRequest) -> Void) {
        records.update { records in
            guard records.indices.contains(request.order) else { return }
            change(&records[request.order])
        }
    }

    /// The action for a request and the refusal that it would get for lack of authorization.
    func decide(_ request: RecordedRequest) -> (action: Action?, refusal: Reply?) {
        let refusal = authentication.refusal(request, Route(path: request.path), ownURL: url)
        let action = rules.withLock { rules -> Action? in
            for index in rules.indices {
                let match = rules[index].match
                guard refusal == nil || !match.authorizedOnly, match.matches(request) else { continue }
                guard match.times.map({ rules[index].applied < $0 }) ?? true else { continue }
                rules[index].seen += 1
                guard rules[index].seen > match.after else { continue }
                rules[index].applied += 1
                return rules[index].action
            }
            return nil
        }
        return (action, refusal)
    }
}
