import OCI

/// A token service that a registry has named, after a look at the rules.
struct TokenService: Hashable, Sendable {
    let realm: HTTPURL
    let service: String?
    let maySeeCredentials: Bool

    /// `trusted` are the hosts whose token services are the registry's, as the configuration says.
    init(_ challenge: Challenge, at url: HTTPURL, trusted: [RegistryHost] = []) throws(RealmRefused) {
        let text = challenge.parameters["realm"] ?? ""
        guard let realm = url.resolving(text), text.contains("/") else {
            throw RealmRefused(realm: text.withoutQuery, reason: "it is not an HTTP address")
        }
        let isTrusted = trusted.contains {
            $0.description == realm.origin.authority || $0.description == realm.origin.host
        }
        switch RealmPolicy.verdict(realm: realm.origin, registry: url.origin, isTrusted: isTrusted) {
        case .credentials: maySeeCredentials = true
        case .anonymous: maySeeCredentials = false
        case .refused(let reason): throw RealmRefused(realm: realm.withoutQuery.displaySafe, reason: reason)
        }
        self.realm = realm
        service = challenge.parameters["service"]
    }
}

/// A token service that is not asked.
struct RealmRefused: Error, Sendable {
    let realm: String
    let reason: String
}
