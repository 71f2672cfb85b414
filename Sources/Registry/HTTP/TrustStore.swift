import Glibc
import NIOSSL
package import OCI

/// Which certificate authorities are trusted for which host, beyond the system's.
struct TrustStore: Sendable {
    /// For hosts without settings of their own; `nil` for what the library trusts by itself.
    private let common: TLSConfiguration?
    private let configurations: [String: TLSConfiguration]

    /// Reads all CA files.
    ///
    /// - Throws: ``RegistryConfigurationError`` for a file that cannot be read or holds no certificate.
    init(_ hosts: [RegistryHost: HostSettings], _ system: SystemAuthorities) throws(RegistryConfigurationError) {
        var base = TLSConfiguration.makeClientConfiguration()
        if let file = system.file { base.trustRoots = .file(file) }
        common = system.file == nil ? nil : base
        var configurations: [String: TLSConfiguration] = [:]
        for (host, settings) in hosts {
            guard let file = settings.caFile else { continue }
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(file), !certificates.isEmpty else {
                let trouble = PEMFile.trouble(with: file) ?? "cannot be read"
                throw RegistryConfigurationError(host: host, reason: "'ca_file' \(file.displaySafe) \(trouble)")
            }
            var configuration = base
            configuration.additionalTrustRoots = [.certificates(certificates)]
            let origin = try Endpoint(host: host, settings: settings).base.origin
            configurations[Self.key(origin)] = configuration
        }
        self.configurations = configurations
    }

    /// - Returns: `nil` for a host that is trusted by the authorities alone that the system has in the usual place.
    func configuration(for origin: Origin) -> TLSConfiguration? {
        configurations[Self.key(origin)] ?? common
    }

    private static func key(_ origin: Origin) -> String { "\(origin.host):\(origin.port)" }
}

/// Settings of a host that cannot be used.
package struct RegistryConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let host: RegistryHost
    package let reason: String

    package var description: String { "settings of \(host): \(reason)" }
}

/// Where the certificate authorities are that are trusted for every host.
///
/// `SSL_CERT_FILE` names them where they are not where systems usually have them, as for OpenSSL, curl and programs in Go.
package struct SystemAuthorities: Sendable {
    /// Where the system has them.
    package static let usual = SystemAuthorities(file: nil)

    /// A PEM file; `nil` for the usual place.
    let file: String?

    private init(file: String?) {
        self.file = file
    }

    /// - Throws: ``SystemAuthoritiesError`` when the file cannot be read or holds no certificate.
    package init(environment: [String: String]) throws(SystemAuthoritiesError) {
        guard let file = environment["SSL_CERT_FILE"], !file.isEmpty else {
            self = .usual
            return
        }
        if let trouble = PEMFile.trouble(with: file) { throw SystemAuthoritiesError(file: file, trouble: trouble) }
        self.file = file
    }
}

/// A file of certificate authorities that cannot be used.
package struct SystemAuthoritiesError: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    let trouble: String

    package var description: String { "SSL_CERT_FILE: '\(file.displaySafe)' \(trouble)" }
}

/// Files of certificates.
enum PEMFile {
    /// - Returns: `nil` for a file that holds certificates.
    static func trouble(with file: String) -> String? {
        if let certificates = try? NIOSSLCertificate.fromPEMFile(file), !certificates.isEmpty { return nil }
        guard access(file, R_OK) == 0 else { return "cannot be read: \(String(cString: strerror(errno)))" }
        return "cannot be read as PEM certificates"
    }
}
