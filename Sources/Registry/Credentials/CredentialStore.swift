import Concurrency
import Glibc
package import OCI

/// Where the credentials of registries are looked for, first match first.
///
/// `IMGLIFE_<HOST>_USERNAME` and `_PASSWORD` or `_TOKEN`; `CI_JOB_TOKEN` for `$CI_REGISTRY`; `$REGISTRY_AUTH_FILE`;
/// `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; `$XDG_RUNTIME_DIR/containers/auth.json`, where podman logs
/// in; `~/.config/containers/auth.json`; otherwise anonymous. Files are read when they are first needed and then
/// remembered, as are the answers of credential programs, until what they say is refused.
package struct CredentialStore: Sendable {
    private let variables: EnvironmentCredentials
    private let environment: [String: String]
    private let files: [File]
    private let timer: Timer
    private let configurations = SingleFlight<String, DockerConfiguration?>()
    private let answers = SingleFlight<ProgramCall, ProgramAnswer>()
    /// Which one it is, for whoever keeps what it has led to.
    var identity: ObjectIdentifier { ObjectIdentifier(answers) }
    /// What has taken the place of refresh tokens that are kept there.
    let refreshTokens = RefreshTokens.ofProcess

    private struct File {
        let path: String
        var isRequired = false
        /// The directory below which it is looked for without being named.
        var home: String?

        /// Whether it is somebody else's: a service, or who has changed the user, may find itself with a home that it must not
        /// enter.
        var isForeign: Bool { home.map { access($0, X_OK) != 0 && errno == EACCES } ?? false }
    }

    private struct ProgramCall: Hashable {
        let name: String
        let server: String
    }

    private struct ProgramAnswer {
        let result: Result<Credential?, CredentialError>
        let time: Duration
        /// Whether the program was asked because of a denial.
        let isAfterDenial: Bool
    }

    /// How long a program that failed, or was asked because of a denial, is not started again for the like: each start
    /// may take until its time is over.
    private static let failureAge = Duration.seconds(60)

    /// Nobody's credentials: every registry is asked anonymously.
    package static let anonymous = CredentialStore(
        variables: .none,
        environment: [:],
        files: [],
        clock: ContinuousClock()
    )

    /// - Parameters:
    ///   - environment: the variables as the process was given them; empty ones count as unset.
    ///   - home: the home directory; `nil` when there is none.
    ///   - clock: limits how long a credential program may take.
    /// - Throws: ``CredentialError`` that lists every half-set pair.
    package init(
        environment: [String: String],
        home: String?,
        clock: any Clock<Duration> = ContinuousClock()
    ) throws(CredentialError) {
        var files: [File] = []
        if let path = environment["REGISTRY_AUTH_FILE"], !path.isEmpty {
            files.append(File(path: path, isRequired: true))
        }
        if let directory = environment["DOCKER_CONFIG"], !directory.isEmpty {
            files.append(File(path: directory + "/config.json"))
        } else if let home {
            files.append(File(path: home + "/.docker/config.json", home: home))
        }
        if let directory = environment["XDG_RUNTIME_DIR"], !directory.isEmpty {
            files.append(File(path: directory + "/containers/auth.json", home: directory))
        }
        if let home { files.append(File(path: home + "/.config/containers/auth.json", home: home)) }
        self.init(
            variables: try EnvironmentCredentials(environment),
            environment: environment,
            files: files,
            clock: clock
        )
    }

    private init(
        variables: EnvironmentCredentials,
        environment: [String: String],
        files: [File],
        clock: any Clock<Duration>
    ) {
        self.variables = variables
        self.environment = environment
        self.files = files
        timer = Timer(clock)
    }

    /// The credential for a repository.
    ///
    /// After `refused` was presented in vain files and programs are asked once more; where that `isDenial`, which may be
    /// for good, programs only from time to time. So they are where nobody's name was refused: somebody may have logged in.
    ///
    /// - Returns: `nil` when none is configured, which is not an error.
    /// - Throws: ``CredentialError`` when the one that is configured cannot be had.
    package func credential(
        for location: RepositoryReference,
        refused: Credential? = nil,
        isAnonymousRefused: Bool = false,
        isDenial: Bool = false
    ) async throws -> Credential? {
        let isRefused = refused != nil || isAnonymousRefused
        if let credential = variables.credential(for: location.host) { return credential }
        for file in files {
            if isRefused { configurations.forget(file.path) { _ in true } }
            switch try await configuration(file)?.find(location) {
            case .credential(let credential): return credential
            case .program(let name, let server):
                if isRefused { forget(ProgramCall(name: name, server: server), refused, isDenial: isDenial) }
                if let credential = try await ask(name, server, refused, isDenial: isDenial) { return credential }
            case nil: continue
            }
        }
        return nil
    }

    /// Looks whether the file that has to be there is, and can be read.
    ///
    /// - Throws: ``CredentialError``.
    package func check() async throws {
        for file in files where file.isRequired { _ = try await configuration(file) }
    }

    /// Whether an environment variable may hold credentials, so that it must not reach other programs.
    package static func reads(_ variable: String) -> Bool {
        ["CI_JOB_TOKEN", "DOCKER_AUTH_CONFIG"].contains(variable)
            || variable.hasPrefix("IMGLIFE_")
                && ["_USERNAME", "_PASSWORD", "_TOKEN"].contains(where: variable.hasSuffix)
    }

    /// Reads files and asks programs again when they are needed next, as somebody says that they have changed.
    package func forget() {
        configurations.forgetAll()
        answers.forgetAll()
    }

    private func configuration(_ file: File) async throws -> DockerConfiguration? {
        let configuration = try await configurations.value(
            for: file.path,
            isGood: { _ in true },
            fetch: { try file.isForeign ? nil : DockerConfiguration(path: file.path) }
        )
        guard configuration != nil || !file.isRequired else {
            throw CredentialError("\(file.path.displaySafe), named by REGISTRY_AUTH_FILE, does not exist")
        }
        return configuration
    }

    private func ask(
        _ name: String,
        _ server: String,
        _ refused: Credential?,
        isDenial: Bool
    ) async throws -> Credential? {
        let program = CredentialProgram(name: name, environment: environment, timer: timer)
        let call = ProgramCall(name: name, server: server)
        let answer = try await answers.value(
            for: call,
            isGood: { answer in
                if case .success = answer.result { true } else { isRecent(answer) }
            },
            fetch: {
                do {
                    let credential = try await program.credential(server: server)
                    return ProgramAnswer(result: .success(credential), time: timer.now(), isAfterDenial: isDenial)
                } catch let error as CredentialError {
                    // What one repository denies may be allowed in others.
                    let result = isDenial ? .success(refused) : Result.failure(error)
                    return ProgramAnswer(result: result, time: timer.now(), isAfterDenial: isDenial)
                }
            }
        )
        return try answer.result.get()
    }

    /// Has a program asked again that gave what was refused.
    private func forget(_ call: ProgramCall, _ refused: Credential?, isDenial: Bool) {
        answers.forget(call) { answer in
            let isForLater = refused == nil || isDenial && answer.isAfterDenial
            return (try? answer.result.get()) == refused && !(isForLater && isRecent(answer))
        }
    }

    private func isRecent(_ answer: ProgramAnswer) -> Bool { timer.now() - answer.time < Self.failureAge }
}
