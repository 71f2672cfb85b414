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

    @concurrent
    func reload() async throws {
        let passwords = try passwordFile.map(PasswordFile.init(path:))
        try tls?.reload()
        if let passwords { authenticator?.replace(passwords) }
    }

    func close() async {
        guard authenticator != nil else { return }
        try? await pool.shutdownGracefully()
    }
}
