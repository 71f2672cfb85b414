import OCI

/// Whether a token service that a registry names may be used, and whether it may see credentials.
///
/// A realm is chosen by the registry, or by whoever answers in its place: it must not lead a client to hand its
/// password to a stranger, nor to knock at addresses of its own network.
enum RealmPolicy {
    /// What may be done with a realm.
    enum Verdict: Hashable, Sendable {
        /// It belongs to the registry.
        case credentials
        /// It may be asked, but without credentials.
        case anonymous
        case refused(String)
    }

    /// Domains whose names are given to anybody: two hosts there have nothing to do with each other.
    private static let sharedDomains: Set<String> = [
        "amazonaws.com", "appspot.com", "azurecr.io", "azurefd.net", "azurewebsites.net", "cloudapp.net",
        "cloudfront.net", "digitaloceanspaces.com", "duckdns.org", "firebaseapp.com", "fly.dev", "github.io",
        "gitlab.io", "herokuapp.com", "netlify.app", "ngrok.app", "ngrok.io", "nip.io", "onrender.com",
        "pages.dev", "r2.dev", "run.app", "sslip.io", "trycloudflare.com", "vercel.app", "web.app", "windows.net",
        "workers.dev",
    ]

    /// What may be done with a realm; `isTrusted` where the configuration says that it is the registry's.
    static func verdict(realm: Origin, registry: Origin, isTrusted: Bool = false) -> Verdict {
        if realm.scheme == .http, registry.scheme == .https {
            return .refused("it is plain HTTP, while the registry is HTTPS")
        }
        if realm.host == registry.host || isTrusted { return .credentials }
        if let reason = objection(to: realm, registry: registry) { return .refused(reason) }
        let isHere = realm.isLoopback && registry.isLoopback
        return isHere || isRelated(realm.host, registry.host) ? .credentials : .anonymous
    }

    private static func objection(to realm: Origin, registry: Origin) -> String? {
        if let address = IPAddress(realm.host) {
            if address.isReserved { return "its address is reserved" }
            if address.isPrivate, !isPrivate(registry) { return "its address is private, while the registry's is not" }
            return nil
        }
        // Forms that resolvers take for addresses: 2130706433, 0177.0.0.1, 0x7f.1.
        let last = realm.host.split(separator: ".").last ?? ""
        if last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) || last.hasPrefix("0x") {
            return "its address is written in an unusual form"
        }
        if realm.host == "localhost" || realm.host.hasSuffix(".localhost"), !isPrivate(registry) {
            return "it is this machine, while the registry is not"
        }
        return nil
    }

    private static func isPrivate(_ origin: Origin) -> Bool {
        origin.isLoopback || IPAddress(origin.host)?.isPrivate == true
    }

    /// Whether both are within one domain that somebody can own.
    ///
    /// Without the whole list of public suffixes: two labels in common, three where the second is short or generic
    /// under a country's domain, as in `co.uk`, none where strangers rent names.
    private static func isRelated(_ left: String, _ right: String) -> Bool {
        guard IPAddress(left) == nil, IPAddress(right) == nil else { return false }
        let leftLabels = left.split(separator: ".").reversed()
        let rightLabels = right.split(separator: ".").reversed()
        let common = zip(leftLabels, rightLabels).prefix { $0 == $1 }.map(\.0)
        guard common.count >= 2 else { return false }
        let isCountry = common[0].utf8.count == 2
        if sharedDomains.contains("\(common[1]).\(common[0])") { return false }
        return common.count >= 3 || !(isCountry && (common[1].utf8.count <= 3))
    }
}

extension IPAddress {
    /// This network, link-local (with the clouds' metadata services), multicast and broadcast.
    var isReserved: Bool {
        isWithin(["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "fe80::/10", "ff00::/8"])
            || bytes == [100, 100, 100, 200]
    }

    /// Loopback and the networks that are not routed.
    var isPrivate: Bool {
        isWithin([
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7",
        ])
    }

    private func isWithin(_ networks: [String]) -> Bool {
        networks.contains { text in
            guard case .network(let network, let bits) = ProxyException(text) else { return false }
            return network.contains(self, bits: bits)
        }
    }
}
