import Cache
import NIOPosix

/// Who may connect and how: passwords and TLS, as they are in their files.
struct Access: Sendable {
    /// Passwords that are hashed at once.
    private static let hashingThreads = 2

    let authenticator: Authenticator?
    let tls: TLSContext?
    private let passwordFile: String?
    private let pool: NIOThreadPool

    /// Reads the files; who waits for one that does not come can be cancelled.
    ///
    /// - Throws: ``ServerError``; ``PasswordFileError``; `CancellationError`.
    static func read(_ configuration: ServerConfiguration) async throws -> Access {
        try await leavable { try Access(configuration) }
    }

    private init(_ configuration: ServerConfiguration) throws {
        passwordFile = configuration.passwordFile
        tls = try configuration.tls.map(TLSContext.init)
        pool = NIOThreadPool(numberOfThreads: Self.hashingThreads)
        let passwords = try configuration.passwordFile.map(PasswordFile.init(path:))
        if passwords != nil { pool.start() }
        authenticator = passwords.map { [pool] in Authenticator($0, pool: pool, places: Self.hashingThreads) }
    }

    /// Reads the files again, and takes each that can be used; one that cannot is no reason not to take another.
    ///
    /// - Returns: what became of each kind that there is.
    /// - Throws: `CancellationError`; then nothing is taken that has not been yet.
    func reload() async throws -> [(what: String, outcome: Result<Void, any Error>)] {
        var outcomes: [(what: String, outcome: Result<Void, any Error>)] = []
        if let passwordFile, let authenticator {
            let read: Result<PasswordFile, any Error> = try await leavable {
                Result { try PasswordFile(path: passwordFile) }
            }
            outcomes.append(("the password file", read.map(authenticator.replace)))
        }
        if let tls {
            let read = try await leavable { Result { try TLSContext.load(tls.files) } }
            outcomes.append(("the certificate", read.map(tls.replace)))
        }
        return outcomes
    }

    func close() async {
        guard authenticator != nil else { return }
        try? await pool.shutdownGracefully()
    }
}
