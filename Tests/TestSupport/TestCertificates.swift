import NIOSSL
import Synchronization

/// A private certificate authority and server certificates of it, made with the `openssl` program once a process.
package struct TestCertificates: Sendable {
    /// A server's certificate and key, as PEM files.
    package struct Server: Sendable, Hashable {
        package let certificateFile: String
        package let keyFile: String
        /// Whether it knows no version of TLS above 1.1.
        package var isOld = false

        func serverConfiguration() throws -> TLSConfiguration {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
            )
            if isOld { configuration.maximumTLSVersion = .tlsv11 }
            return configuration
        }
    }

    /// The authority's certificate, a PEM file.
    package let authorityFile: String
    /// For `localhost`, `127.0.0.1` and `::1`.
    package let server: Server
    /// For `wrong.example` alone.
    package let wrongHost: Server
    /// For the right host, but not valid since yesterday.
    package let expired: Server
}

extension TestCertificates {
    private static let cache = Watched<Cache>(.empty)

    private enum Cache: Sendable {
        case empty
        case making
        case made(TestCertificates)
        case failed(String)
    }

    /// The certificates of this process; the first caller makes them.
    ///
    /// - Throws: ``ToolError`` when `openssl` is missing or fails.
    package static func shared() async throws -> TestCertificates {
        let isFirst = cache.update { cache in
            guard case .empty = cache else { return false }
            cache = .making
            return true
        }
        if isFirst {
            let made: Cache
            do { made = .made(try await make(in: ProcessDirectory.make())) } catch {
                made = .failed("\(error)")
            }
            cache.update { $0 = made }
        }
        try await cache.wait {
            if case .making = $0 { return false }
            return true
        }
        switch cache.value {
        case .made(let certificates): return certificates
        case .failed(let reason): throw ToolError(description: reason)
        case .empty, .making: throw CancellationError()
        }
    }

    private static func make(in directory: String) async throws -> TestCertificates {
        let authority = "\(directory)/ca.pem"
        try await Tool.check(
            "openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-keyout", "\(directory)/ca.key", "-out", authority, "-days", "3650", "-subj", "/CN=test authority"]
        )
        let local = "DNS:localhost,IP:127.0.0.1,IP:::1"
        return TestCertificates(
            authorityFile: authority,
            server: try await sign("server", names: local, in: directory),
            wrongHost: try await sign("wrong-host", names: "DNS:wrong.example", in: directory),
            expired: try await sign("expired", names: local, days: -1, in: directory)
        )
    }

    private static func sign(
        _ name: String,
        names: String,
        days: Int = 3650,
        in directory: String
    ) async throws -> Server {
        let path = "\(directory)/\(name)"
        try await Tool.check(
            "openssl",
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-keyout", "\(path).key", "-out", "\(path).csr", "-subj", "/CN=\(name)"]
        )
        try Files.write("subjectAltName=\(names)\nextendedKeyUsage=serverAuth\n", to: "\(path).ext")
        try await Tool.check(
            "openssl",
            ["x509", "-req", "-in", "\(path).csr", "-CA", "\(directory)/ca.pem", "-CAkey", "\(directory)/ca.key"]
                + ["-CAcreateserial", "-out", "\(path).pem", "-extfile", "\(path).ext", "-days", "\(days)"]
        )
        return Server(certificateFile: "\(path).pem", keyFile: "\(path).key")
    }
}
