import FoundationEssentials
import Glibc
import NIOSSL
import OCI

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
        var configuration = TLSConfiguration.modern
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
enum PEMFile {
    /// Why one cannot be used.
    static func trouble(with file: String) -> String {
        access(file, R_OK) == 0
            ? "cannot be read as PEM certificates" : "cannot be read: \(String(cString: strerror(errno)))"
    }
}
