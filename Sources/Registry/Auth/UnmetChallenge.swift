import OCI

extension HTTPResponse {
    /// How a registry asks for what there is nothing to answer with, safe to display.
    ///
    /// `nil` where something was sent, or where credentials that are set would be.
    var unmetChallenge: String? {
        guard authorization.header == nil else { return nil }
        let isSet = authorization.credential != nil
        return unmet(challenges, isSet: isSet).map {
            isSet ? "\($0); the credentials that are set were not sent" : $0
        }
    }

    private func unmet(_ challenges: [Challenge], isSet: Bool) -> String? {
        let schemes = challenges.map(\.scheme)
        if schemes.isEmpty {
            return isSet ? "it refuses requests without credentials, but does not say how it wants them" : nil
        }
        if schemes.contains("basic") { return isSet ? "it asks for a password, and a token is set" : nil }
        if bearerChallenge != nil { return nil }
        if schemes.contains("bearer") { return "it asks for a token, but names no token service" }
        let names = schemes.prefix(3).map { "'\($0.prefix(32).displaySafe)'" }.joined(separator: " or ")
        return "it asks for a log-in by \(names), which is not supported here"
    }
}
