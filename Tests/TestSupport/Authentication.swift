/// What a ``ScriptedRegistry`` asks of its clients.
package enum Authentication: Sendable {
    case none
    /// Basic credentials on every request.
    case basic(username: String, password: String)
    /// Bearer tokens of an issuer.
    ///
    /// - Parameters:
    ///   - realm: the token service's URL; `nil` is `/token` of the registry itself.
    ///   - service: its `service` parameter.
    case bearer(TokenIssuer, realm: String? = nil, service: String = "scripted")
}

extension Authentication {
    /// The 401 that a request earns; `nil` when it may pass.
    func refusal(_ request: RecordedRequest, _ route: Route, ownURL: String) -> Reply? {
        switch self {
        case _ where route == .token: return nil
        case .none: return nil
        case .basic(let username, let password):
            if request.credentials == "\(username):\(password)" { return nil }
            return .error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": #"Basic realm="scripted""#])
        case .bearer(let issuer, let realm, let service):
            let needed = Self.scopes(request, route)
            let token = request.headers["authorization"].flatMap { value in
                value.lowercased().hasPrefix("bearer ") ? String(value.dropFirst(7)) : nil
            }
            var challenge = "Bearer realm=\"\(realm ?? ownURL + "/token")\",service=\"\(service)\""
            if !needed.isEmpty { challenge += ",scope=\"\(needed.map(\.description).joined(separator: " "))\"" }
            switch token.map({ issuer.check($0, for: needed) }) {
            case .good: return nil
            case .invalid: challenge += ",error=\"invalid_token\""
            case .insufficient: challenge += ",error=\"insufficient_scope\""
            case nil: break
            }
            return .error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": challenge])
        }
    }

    private static func scopes(_ request: RecordedRequest, _ route: Route) -> [TokenScope] {
        guard let repository = route.repository else { return [] }
        let isRead = request.method == "GET" || request.method == "HEAD"
        let isUpload =
            switch route {
            case .upload, .uploads: true
            default: false
            }
        let actions: Set<String> = isRead && !isUpload ? ["pull"] : ["pull", "push"]
        var scopes = [TokenScope(repository: repository, actions: actions)]
        if case .uploads = route, request.query["mount"] != nil, let from = request.query["from"], from != repository {
            scopes.append(TokenScope(repository: from, actions: ["pull"]))
        }
        return scopes
    }
}
