import NIOSSL
package import OCI

/// Which certificate authorities are trusted for which host, beyond the system's.
struct TrustStore: Sendable {
    private let system: SystemAuthorities
    private let configurations: [String: TLSConfiguration]

    /// Reads all CA files.
    ///
    /// - Throws: ``RegistryConfigurationError`` for a file that cannot be read or holds no certificate.
    init(_ hosts: [RegistryHost: HostSettings], _ system: SystemAuthorities) throws(RegistryConfigurationError) {
        self.system = system
        var configurations: [String: TLSConfiguration] = [:]
        for (host, settings) in hosts {
            guard let file = settings.caFile else { continue }
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(file), !certificates.isEmpty else {
                let trouble = PEMFile.trouble(with: file)
                throw RegistryConfigurationError(host: host, reason: "'ca_file' \(file.displaySafe) \(trouble)")
            }
            var configuration = system.configuration ?? .modern
            configuration.additionalTrustRoots = [.certificates(certificates)]
            let origin = try Endpoint(host: host, settings: settings).base.origin
            configurations[Self.key(origin)] = configuration
        }
        self.configurations = configurations
    }

    /// - Returns: `nil` for a host that is trusted by the authorities alone that the system has in the usual place.
    func configuration(for origin: Origin) -> TLSConfiguration? {
        configurations[Self.key(origin)] ?? (origin.scheme == .https ? system.configuration : nil)
    }

    private static func key(_ origin: Origin) -> String { "\(origin.host):\(origin.port)" }
}

extension TLSConfiguration {
    /// A client's, with the versions that have not been given up (RFC 8996): TLS 1.2 and above.
    static var modern: TLSConfiguration {
        var configuration = makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}

extension RegistryConfiguration {
    /// Reads the files of certificate authorities, to find out whether they can be used.
    ///
    /// - Throws: ``RegistryConfigurationError`` for one that cannot be read or holds no certificate.
    package func check() throws(RegistryConfigurationError) { _ = try TrustStore(hosts, authorities) }
}

/// Settings of a host that cannot be used.
package struct RegistryConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let host: RegistryHost
    package let reason: String

    package var description: String { "settings of \(host): \(reason)" }
}
