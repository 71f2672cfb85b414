import NIOPosix

/// Who may connect and how: passwords and TLS, as they are in their files.
struct Access: Sendable {
    /// Passwords that are hashed at once.
    private static let hashingThreads = 2

    let authenticator: Authenticator?
    let tls: TLSContext?
    private let passwordFile: String?
    private let pool: NIOThreadPool

    init(_ configuration: ServerConfiguration) throws {
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
    @concurrent
    func reload() async -> [(what: String, outcome: Result<Void, any Error>)] {
        var outcomes: [(what: String, outcome: Result<Void, any Error>)] = []
        if let passwordFile, let authenticator {
            outcomes.append(
                ("the password file", Result { authenticator.replace(try PasswordFile(path: passwordFile)) })
            )
        }
        if let tls { outcomes.append(("the certificate", Result { try tls.reload() })) }
        return outcomes
    }

    func close() async {
        guard authenticator != nil else { return }
        try? await pool.shutdownGracefully()
    }
}
