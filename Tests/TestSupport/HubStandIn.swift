package import OCI
import Synchronization

/// Docker Hub's API for one repository, played by a ``ScriptedRegistry`` at its own origin.
///
/// It answers after the rules that were scripted before it was made.
package final class HubStandIn: Sendable {
    /// One tag as the API lists it.
    package struct Row: Sendable {
        package var name: String
        package var pushed: String? = "2024-01-02T03:04:05.123456Z"
        package var updated: String? = "2023-01-02T03:04:05Z"
        package var digest: String?
        package var images: [String] = []
        /// Images with their platform's words and their size in bytes.
        package var listed: [(os: String, architecture: String, size: Int)] = []

        package init(_ name: String, digest: Digest? = nil) {
            self.name = name
            self.digest = digest?.description
        }
    }

    private struct State {
        var rows: [Row]
        var tokens: Set<String>?
        var issued = 0
        var claimedCount: Int?
        var nextPlace: String?
        var refusal: Action?
        var refused: Set<Int> = []
    }

    private let registry: ScriptedRegistry
    private let path: String
    private let state: Mutex<State>

    package init(_ registry: ScriptedRegistry, repository: String = "library/alpine", rows: [Row]) {
        self.registry = registry
        let parts = repository.split(separator: "/")
        path = "/v2/namespaces/\(parts[0])/repositories/\(parts[1])/tags"
        state = Mutex(State(rows: rows))
        registry.script(RequestMatch("GET", .containing(path), times: nil), .flip { self.page($0) })
        registry.script(RequestMatch("POST", .exactly("/v2/auth/token"), times: nil), .flip { _ in self.logIn() })
        registry.script(RequestMatch("POST", .exactly("/v2/users/login"), times: nil), .flip { _ in self.logIn() })
    }

    /// What it lists; may change at any time.
    package var rows: [Row] {
        get { state.withLock { $0.rows } }
        set { state.withLock { $0.rows = newValue } }
    }

    /// What it says there are, where that is not true.
    package func claim(count: Int) { state.withLock { $0.claimedCount = count } }

    /// Where it says that its pages are, up to their queries, where that is not true.
    package func claim(place: String) { state.withLock { $0.nextPlace = place } }

    /// Each page but the first is refused so when it is asked for first.
    package func refuseOnce(_ refusal: Action) { state.withLock { $0.refusal = refusal } }

    /// From now on only its own tokens open it; those it has issued are void.
    package func requireLogin() { state.withLock { $0.tokens = [] } }

    /// How many tokens it has issued.
    package var issuedTokens: Int { state.withLock { $0.issued } }

    private func logIn() -> Action {
        let token = state.withLock { state in
            state.issued += 1
            state.tokens?.insert("jwt-\(state.issued)")
            return "jwt-\(state.issued)"
        }
        return .reply(.json(200, JSONText.object(["access_token": JSONText.string(token)])))
    }

    private func page(_ request: RecordedRequest) -> Action {
        let state = state.withLock(\.self)
        if let tokens = state.tokens {
            let token = request.headers["authorization"].map { String($0.dropFirst("Bearer ".count)) }
            guard let token, tokens.contains(token) else { return .status(401, body: #"{"detail":"token expired"}"#) }
        }
        let size = request.query["page_size"].flatMap { Int($0) } ?? 10
        let number = request.query["page"].flatMap { Int($0) } ?? 1
        let isNew = self.state.withLock { $0.refused.insert(number).inserted }
        if let refusal = state.refusal, number > 1, isNew { return refusal }
        guard request.path == path, number == 1 || (number - 1) * size < state.rows.count else {
            return .status(404, body: #"{"message":"object not found","errinfo":{}}"#)
        }
        let rows = state.rows.dropFirst((number - 1) * size).prefix(size)
        let hasMore = number * size < state.rows.count
        let place = state.nextPlace ?? "\(registry.url)\(path)"
        let next = hasMore ? JSONText.string("\(place)?page=\(number + 1)&page_size=\(size)") : "null"
        let body = JSONText.object([
            "count": "\(state.claimedCount ?? state.rows.count)", "next": next, "previous": "null",
            "results": JSONText.array(rows.map(\.text)),
        ])
        return .reply(.json(200, body))
    }
}

extension HubStandIn.Row {
    fileprivate var text: String {
        let literal: (String?) -> String = { $0.map { JSONText.string($0) } ?? "null" }
        return JSONText.object([
            "name": JSONText.string(name), "last_updated": literal(updated), "tag_last_pushed": literal(pushed),
            "digest": literal(digest), "full_size": "3400000", "tag_status": #""active""#,
            "images": JSONText.array(
                images.map { JSONText.object(["digest": JSONText.string($0), "os": #""linux""#]) }
                    + listed.enumerated().map { number, image in
                        JSONText.object([
                            "digest": JSONText.string("sha256:" + String(repeating: "\(number)", count: 64)),
                            "os": JSONText.string(image.os), "architecture": JSONText.string(image.architecture),
                            "size": "\(image.size)", "variant": #""""#,
                        ])
                    }
            ),
        ])
    }
}
