import FoundationEssentials
import Glibc
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
            var configuration = system.configuration ?? TLSConfiguration.makeClientConfiguration()
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
        // Hundreds of certificates are parsed only when somebody is reached over TLS.
        guard let data = FileManager.default.contents(atPath: file),
            String(decoding: data, as: UTF8.self).contains("-----BEGIN ")
        else { throw SystemAuthoritiesError(file: file, trouble: PEMFile.trouble(with: file)) }
        self.file = file
    }

    /// `nil` for what the library trusts by itself.
    var configuration: TLSConfiguration? {
        guard let file else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(file)
        return configuration
    }
}

/// A file of certificate authorities that cannot be used.
package struct SystemAuthoritiesError: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    let trouble: String

    package var description: String { "SSL_CERT_FILE: '\(file.displaySafe)' \(trouble)" }
}

/// Files of certificates.
private enum PEMFile {
    /// Why one cannot be used.
    static func trouble(with file: String) -> String {
        access(file, R_OK) == 0
            ? "cannot be read as PEM certificates" : "cannot be read: \(String(cString: strerror(errno)))"
    }
}
