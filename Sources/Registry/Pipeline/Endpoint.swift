package import OCI

/// Where a registry is reached.
struct Endpoint: Sendable {
    /// `https://host/`, or what the settings say; the path ends with a slash.
    let base: HTTPURL
    /// Whether the scheme was guessed, because the host is this machine and nothing is configured for it.
    let isGuess: Bool

    init(host: RegistryHost, settings: HostSettings) throws(RegistryConfigurationError) {
        if let text = settings.endpoint {
            self.init(base: try HTTPURL(text, as: "endpoint", of: host))
            return
        }
        self.init(host, plainHTTP: settings.plainHTTP, hasAuthority: settings.caFile != nil)
    }

    /// A registry without an endpoint of its own.
    init(_ host: RegistryHost, plainHTTP: Bool = false, hasAuthority: Bool = false) {
        let isGuess = host.isLoopback && !plainHTTP && !hasAuthority
        let scheme: Origin.Scheme = plainHTTP || isGuess ? .http : .https
        self.init(base: HTTPURL(origin: Self.origin(host, scheme), path: "/"), isGuess: isGuess)
    }

    init(base: HTTPURL, isGuess: Bool = false) {
        self.base = base
        self.isGuess = isGuess
    }

    /// Under whose name credentials for a registry are looked for.
    ///
    /// Docker Hub's are for Docker Hub alone: what stands in its place is somebody else's, with accounts of its own.
    func account(of host: RegistryHost) -> RegistryHost {
        guard host == .dockerHub, !isHub else { return host }
        return (try? RegistryHost(base.origin.authority)) ?? host
    }

    /// Whether it is a registry's own, and not somebody's who stands in for it, perhaps for others too.
    func isPlace(of host: RegistryHost) -> Bool {
        host == .dockerHub && isHub || base.origin == Self.origin(host, base.origin.scheme)
    }

    private var isHub: Bool {
        ["docker.io", "docker.com"].contains { base.origin.host == $0 || base.origin.host.hasSuffix(".\($0)") }
    }

    /// The same place over TLS; only for a guess that turned out wrong.
    var overTLS: Endpoint {
        // A guess has no default port: HTTP's becomes that of HTTPS.
        let origin = base.origin
        let port = origin.port == Origin.Scheme.http.defaultPort ? Origin.Scheme.https.defaultPort : origin.port
        let secure = Origin(scheme: .https, host: origin.host, port: port)
        return Endpoint(base: HTTPURL(origin: secure, path: base.path), isGuess: false)
    }

    /// `<base>v2/<rest>`.
    func address(_ rest: String, query: String? = nil) -> HTTPURL {
        HTTPURL(origin: base.origin, path: "\(base.path)v2/\(rest)", query: query)
    }

    private static func origin(_ host: RegistryHost, _ scheme: Origin.Scheme) -> Origin {
        let name = host == .dockerHub ? "registry-1.docker.io" : host.name
        return Origin(scheme: scheme, host: name, port: host.port ?? scheme.defaultPort)
    }
}

extension RegistryConfiguration {
    /// Under whose name credentials are looked for when a registry is asked.
    ///
    /// - Throws: ``RegistryConfigurationError`` for settings that can't be used.
    package func account(of host: RegistryHost) throws(RegistryConfigurationError) -> RegistryHost {
        guard let settings = hosts[meaning: host] else { return host }
        return try Endpoint(host: host, settings: settings).account(of: host)
    }
}

extension HTTPURL {
    /// A base URL from a host's settings; its path ends with a slash.
    init(_ text: String, as option: String, of host: RegistryHost) throws(RegistryConfigurationError) {
        guard let address = HTTPURL(text), address.query == nil else {
            let reason = "'\(option)' must be an http or https URL without user, query and fragment"
            throw RegistryConfigurationError(host: host, reason: reason)
        }
        self.init(origin: address.origin, path: address.path.hasSuffix("/") ? address.path : address.path + "/")
    }
}
