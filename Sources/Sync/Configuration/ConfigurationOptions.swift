package import OCI

/// `cache`: where the cache is and how large it may grow.
package struct CacheOptions: Hashable, Sendable {
    /// The directory as written, or `nil` for the default; see ``Configuration/resolve(_:)``.
    package var path: String?
    /// `nil` sets no limit.
    package var maximumSize: ByteSize?
    /// What stays free on the disk; `nil` leaves the cache's own rule.
    package var minimumFree: ByteSize?

    package init(path: String? = nil, maximumSize: ByteSize? = nil, minimumFree: ByteSize? = nil) {
        self.path = path
        self.maximumSize = maximumSize
        self.minimumFree = minimumFree
    }
}

/// `registries.<host>` and what `registry` says of the same host: how it is reached.
package struct RegistryOptions: Hashable, Sendable {
    /// Asked instead of the host itself; its scheme decides.
    package var endpoint: BaseURL?
    /// The host is reached over plain HTTP: `plain_http`, `registry.insecure_registries` or `registry.url: http://…`.
    package var isPlainHTTP = false
    /// A PEM file with authorities trusted besides the system's, as written; see ``Configuration/resolve(_:)``.
    package var caFile: String?
    /// The base URL of a Docker Hub API that lists this host's tags.
    package var hubAPI: BaseURL?
    /// From 1 to ``mostConnections``; `nil` leaves the client's default.
    package var maximumConnections: Int?
    package static let mostConnections = 10_000
    /// Hosts that are asked first, in this order; never the host itself.
    package var mirrors: [RegistryHost] = []
    /// Hosts whose token services may be given the credentials for this one.
    package var authRealms: [RegistryHost] = []

    package init() {}
}
