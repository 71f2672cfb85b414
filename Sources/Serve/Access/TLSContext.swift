import Glibc
import NIOCore
import NIOSSL
import OCI
import Synchronization

/// The TLS that new connections get; can be replaced while the server runs.
final class TLSContext: Sendable {
    private let context: Mutex<NIOSSLContext>
    let files: TLSFiles

    /// - Throws: ``ServerError`` when the certificate or key cannot be used.
    init(_ files: TLSFiles) throws {
        self.files = files
        context = Mutex(try Self.load(files))
    }

    /// Connections there are stay as they are.
    func replace(_ fresh: NIOSSLContext) {
        context.withLock { $0 = fresh }
    }

    func makeHandler() -> NIOSSLServerHandler {
        NIOSSLServerHandler(context: context.withLock { $0 })
    }

    /// - Throws: ``ServerError`` when the certificate or key cannot be used.
    static func load(_ files: TLSFiles) throws -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map(NIOSSLCertificateSource.certificate)
            let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain,
                privateKey: .privateKey(key)
            )
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ServerError(
                "cannot use the certificate \(files.certificate.displaySafe) with the key \(files.key.displaySafe): "
                    + "\(reason(error, files).displaySafe); both must be PEM files and belong together"
            )
        }
    }

    private static func reason(_ error: any Error, _ files: TLSFiles) -> String {
        for file in [files.certificate, files.key] where access(file, R_OK) != 0 {
            return "\(file): \(String(cString: strerror(errno)))"
        }
        return switch error as? NIOSSLError {
        case .failedToLoadCertificate: "\(files.certificate) holds no certificate"
        case .failedToLoadPrivateKey: "\(files.key) holds no key, or that of another certificate"
        default: "\(error)"
        }
    }
}
