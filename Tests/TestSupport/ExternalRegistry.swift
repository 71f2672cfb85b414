import NIOCore
import NIOPosix
package import OCI

/// Debian's `docker-registry`, an independent server, on a free loopback port with its own storage.
package final class ExternalRegistry: Sendable {
    /// Where it listens, also while it is stopped.
    package let host: RegistryHost
    /// The directory in which it keeps everything.
    package let storage: String
    /// A client for it: TLS and credentials as it was started with.
    package let client: RawClient

    let process: RegistryProcess

    private init(host: RegistryHost, directory: String, client: RawClient) {
        self.host = host
        storage = "\(directory)/storage"
        self.client = client
        process = RegistryProcess(configurationFile: "\(directory)/config.yml")
    }

    /// Runs a registry while a closure runs; it is killed at the end in every case.
    ///
    /// - Parameters:
    ///   - tls: its certificate, a server of ``TestCertificates``; `nil` is plain HTTP.
    ///   - htpasswd: user name and password that it asks for; needs the `htpasswd` program.
    ///   - body: what to do with it.
    /// - Returns: what `body` returned.
    /// - Throws: ``ToolError`` when the program is missing or does not answer; what `body` threw.
    package static func with<R>(
        tls: TestCertificates.Server? = nil,
        htpasswd: (username: String, password: String)? = nil,
        _ body: (ExternalRegistry) async throws -> R
    ) async throws -> R {
        try await TemporaryDirectory.with { directory in
            var attempts = 5
            while true {
                let registry = try await prepare(directory, tls: tls, htpasswd: htpasswd)
                let outcome = try await withThrowingTaskGroup(of: Void.self) { group -> R? in
                    group.addTask { try await registry.process.supervise() }
                    defer { registry.process.end() }
                    do { try await registry.start() } catch let error as ToolError {
                        // Somebody else may have taken the port meanwhile.
                        attempts -= 1
                        guard attempts > 0 else { throw error }
                        return nil
                    }
                    return try await body(registry)
                }
                if let outcome { return outcome }
            }
        }
    }

    private static func prepare(
        _ directory: String,
        tls: TestCertificates.Server?,
        htpasswd: (username: String, password: String)?
    ) async throws -> ExternalRegistry {
        let host = try RegistryHost("127.0.0.1:\(try await freePort())")
        var client = RawClient(host)
        if tls != nil { client.authorityFile = try await TestCertificates.shared().authorityFile }
        if let htpasswd {
            client.credentials = "\(htpasswd.username):\(htpasswd.password)"
            let line = try await Tool.check("htpasswd", ["-Bbn", htpasswd.username, htpasswd.password]).output
            try Files.write(line, to: "\(directory)/htpasswd")
        }
        let configuration = Self.configuration(host, directory, tls, usesPasswords: htpasswd != nil)
        try Files.write(configuration, to: "\(directory)/config.yml")
        try Files.makeDirectory("\(directory)/storage")
        return ExternalRegistry(host: host, directory: directory, client: client)
    }

    private static func configuration(
        _ host: RegistryHost,
        _ directory: String,
        _ tls: TestCertificates.Server?,
        usesPasswords: Bool
    ) -> String {
        var text = """
            version: 0.1
            log: {level: error}
            storage:
              filesystem: {rootdirectory: \(directory)/storage}
              delete: {enabled: true}
              maintenance: {uploadpurging: {enabled: false}}
            http:
              addr: \(host)
              secret: loopback

            """
        if let tls { text += "  tls: {certificate: \(tls.certificateFile), key: \(tls.keyFile)}\n" }
        if usesPasswords { text += "auth: {htpasswd: {realm: test, path: \(directory)/htpasswd}}\n" }
        return text
    }

    /// A port below those that the system hands out by itself, so that nobody gets it while the registry restarts.
    private static func freePort() async throws -> Int {
        for _ in 0..<64 {
            let port = Int.random(in: 10_000..<32_768)
            let channel = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: port).get()
            guard let channel else { continue }
            try await channel.close()
            return port
        }
        throw ToolError(description: "no free port was found for docker-registry")
    }
}
