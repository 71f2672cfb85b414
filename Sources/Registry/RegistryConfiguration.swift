package import FoundationEssentials
package import Logging
package import OCI

/// How one registry is reached where it is not `https://<host>` with the system's certificate authorities.
package struct HostSettings: Hashable, Sendable {
    /// The base URL to use instead of `https://<host>`, such as a mirror's; `/v2/` is added to it.
    package var endpoint: String?
    /// Whether the registry speaks HTTP without TLS.
    package var plainHTTP: Bool
    /// A PEM file of certificate authorities that are trusted for this host in addition to the system's.
    package var caFile: String?
    /// How many requests may be in flight for reading at most, and as many again for writing; 24 each when not set.
    ///
    /// There are 8 at first, and more where more of them bring more.
    package var maxConnections: Int?
    /// The base URL of a Docker Hub API that lists this host's tags; docker.io has `https://hub.docker.com` unless its
    /// `endpoint` leads elsewhere.
    package var hubAPI: String?
    /// Hosts, with their ports where they have some, whose token services are this registry's.
    package var authRealms: [RegistryHost]

    package init(
        endpoint: String? = nil,
        plainHTTP: Bool = false,
        caFile: String? = nil,
        maxConnections: Int? = nil,
        hubAPI: String? = nil,
        authRealms: [RegistryHost] = []
    ) {
        self.endpoint = endpoint
        self.plainHTTP = plainHTTP
        self.caFile = caFile
        self.maxConnections = maxConnections
        self.hubAPI = hubAPI
        self.authRealms = authRealms
    }
}

/// Everything a ``RegistryClient`` needs to know.
package struct RegistryConfiguration: Sendable {
    package var hosts: [RegistryHost: HostSettings] = [:]
    package var credentials = CredentialStore.anonymous
    package var retry = RetryPolicy()
    package var proxies = ProxySettings.none
    package var authorities = SystemAuthorities.usual
    /// `imglife/<version>`.
    package var userAgent = "imglife"
    /// What each request tells of who passes it on (RFC 9110, 7.6.3), so that a server that asks itself notices; `nil` for
    /// a program that passes nothing on.
    package var via: String?
    package var logger: Logger
    /// For delays between tries, pauses and the lives of tokens.
    package var clock: any Clock<Duration> = ContinuousClock()
    /// For the time that requests may take; a download's idle time alone is measured by the HTTP library.
    package var timeoutClock: any Clock<Duration> = ContinuousClock()
    /// The wall clock, for `Retry-After` dates.
    package var date: @Sendable () -> Date = { Date() }
    /// Connections that are shared with other clients, and whose limits hold for all; `nil` for own ones.
    package var connections: RegistryConnections?
    /// Whether the client leaves one of a host's shared places to others, because it fetches what can be large.
    package var leavesRoom = false
    /// Told once of each pause that a host has asked for, for displays; must return at once.
    package var onWaiting: @Sendable (Waiting) -> Void = { _ in }

    package init(logger: Logger) {
        self.logger = logger
    }
}
