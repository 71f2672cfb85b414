import ArgumentParser
import OCI
import Sync

extension ClientKind: ExpressibleByArgument {}

/// `imglife client-config`: prints the lines that make a client pull through `imglife serve`.
struct ClientConfigCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "client-config",
        abstract: "Print the lines that make a client use this mirror.",
        discussion: """
            The registries are those of --upstream, else the sources of the configuration, else its registries, else \
            docker.io. Nothing is asked and nothing is written.
            """
    )

    @ParentCommand var parent: Imglife

    @Argument(help: "The client: \(ClientKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var client: ClientKind

    @Option(help: ArgumentHelp("Where clients reach 'imglife serve'.", valueName: "url"))
    var url = "http://127.0.0.1:5050"

    @Option(
        help: ArgumentHelp("A registry to pull through the mirror. Repeatable.", valueName: "host"),
        completion: .registries
    )
    var upstream: [String] = []

    @Option(
        help: ArgumentHelp("The mirror's certificate authority, as the client finds it.", valueName: "file"),
        completion: .file()
    )
    var ca: String?

    @Option(
        help: ArgumentHelp("Who pulls, where the mirror asks for a password; with --password-stdin.", valueName: "name")
    )
    var username: String?

    @Flag(help: "Read the password for --username from standard input.")
    var passwordStdin = false

    func validate() throws {
        guard (username != nil) == passwordStdin else {
            throw ValidationError("--username and --password-stdin must be given together")
        }
        guard username?.contains(":") != true else { throw ValidationError("--username must not hold a ':'") }
    }

    func run() async throws {
        let mirror = try valid("--url", url) { text throws(ReferenceError) in try MirrorAddress(text) }
        try await Failure.exiting {
            var lines = ClientConfiguration(client, mirror: mirror, upstreams: try upstreams())
            lines.plainUpstreams = try plainHosts()
            lines.authorityFile = ca
            lines.credentials = try credentials()
            for hint in lines.hints { Failure.remark("\(hint)") }
            try StandardOutput.write(lines.text)
        }
    }

    /// - Throws: `ValidationError` when standard input has no line.
    private func credentials() throws -> MirrorCredentials? {
        guard let username else { return nil }
        guard let password = readLine(), !password.isEmpty else {
            throw ValidationError("--password-stdin: standard input holds no password")
        }
        return MirrorCredentials(user: username, password: password)
    }

    /// The registries that the configuration says to reach over plain HTTP.
    private func plainHosts() throws -> Set<RegistryHost> {
        // Whoever names the registries need not have one.
        guard upstream.isEmpty || parent.options.namedConfiguration != nil else { return [] }
        let session = try Session(options: parent.options, copies: false)
        return Set(session.configuration.registries.filter { $0.value.isPlainHTTP }.keys)
    }

    private func upstreams() throws -> [RegistryHost] {
        if !upstream.isEmpty {
            return try upstream.map { name in
                try valid("--upstream", name) { text throws(ReferenceError) in try RegistryHost(text) }
            }
        }
        let session = try Session(options: parent.options, copies: false)
        let hosts = session.sourceHosts.isEmpty ? Set(session.configuration.registries.keys) : session.sourceHosts
        return hosts.isEmpty ? [.dockerHub] : hosts.sorted { $0.description < $1.description }
    }

    private func valid<Value>(
        _ option: String,
        _ text: String,
        _ make: (String) throws(ReferenceError) -> Value
    ) throws -> Value {
        do {
            return try make(text)
        } catch {
            throw ValidationError("\(option) '\(text.displayedWithoutSecrets)': \(error)")
        }
    }
}
