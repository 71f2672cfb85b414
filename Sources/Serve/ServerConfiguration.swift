package import Logging
package import OCI

/// How a server is run.
package struct ServerConfiguration: Sendable {
    package var listen: ListenAddress
    /// Where the metrics are told; `nil` for `/metrics` on the main listener, behind its authentication.
    package var metricsListen: ListenAddress?
    /// `nil` for plain HTTP.
    package var tls: TLSFiles?
    /// `nil` admits everybody.
    package var passwordFile: String?
    /// The hosts of the configuration, as it is when they are asked for; those of the cache are served too.
    package var hosts: @Sendable () -> Set<RegistryHost> = { [] }
    package var limits = ConnectionLimits()
    /// How long a file that was hashed is not hashed again while it stays as it is.
    package var verificationLifetime = Duration.seconds(24 * 3600)
    /// The cache's, where it is kept which files were hashed; `nil` for nowhere, so that the next server hashes them again.
    package var directory: String?
    /// Whether what was read there may still be believed: once its disk has failed, nothing that was hashed is.
    package var isDirectorySound: @Sendable () -> Bool = { true }
    /// How its own requests to upstreams name it in `Via`; one that comes back is refused.
    package var pseudonym: String?
    package var logger: Logger

    package init(listen: ListenAddress, logger: Logger) {
        self.listen = listen
        self.logger = logger
    }
}

/// A certificate and its key, as PEM files.
package struct TLSFiles: Hashable, Sendable {
    /// The certificate, followed by those of its issuers.
    package let certificate: String
    package let key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}
