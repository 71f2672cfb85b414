import Concurrency
import Glibc
import OCI
import Subprocess

/// A docker credential program: `docker-credential-<name> get`, with the server on its standard input.
///
/// It runs without a shell, is looked for in `PATH` only, and inherits the environment without our own secrets. It leads
/// a session of its own: who stops waiting for it kills whatever it has started as well.
struct CredentialProgram: Sendable {
    /// What it may write, in bytes.
    static let outputLimit = 64 << 10
    /// How long it may take.
    static let timeLimit = Duration.seconds(30)

    let name: String
    let environment: [String: String]
    let timer: Timer

    private var program: String { "docker-credential-\(name)" }

    /// Asks for a server's credentials.
    ///
    /// - Returns: `nil` when the program answers that it has none.
    /// - Throws: ``CredentialError`` when it can't run, fails, takes too long or answers nonsense.
    func credential(server: String) async throws -> Credential? {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0.isLetterOrDigit || "-_.".utf8.contains($0) }) else {
            throw CredentialError("'\(name.displaySafe)' is not the name of a credential program")
        }
        let answer: Answer
        do {
            answer = try await timer.limit(Self.timeLimit) { try await ask(server) }
        } catch is Timer.Expired {
            throw error("has not answered within \(Self.timeLimit.components.seconds) s")
        } catch let failure as SubprocessError {
            throw failure.code == .executableNotFound
                ? error("is configured, but not found in PATH")
                : failure.code == .outputLimitExceeded
                    ? error("answers with more than \(Self.outputLimit) bytes")
                    : error("cannot be run: \(failure.underlyingError.map { "\($0)" } ?? "\(failure)".displaySafe)")
        } catch let lack as RoomForPrograms.Lacking {
            throw error("cannot be run: \(lack)")
        }
        guard answer.isSuccess else {
            if answer.output.lowercased().contains("credentials not found in native keychain") { return nil }
            throw error("failed when asked for '\(server.displaySafe)'\(words(answer))")
        }
        return try parse(answer.output)
    }

    /// The server's name; a program that ends without having read it is judged by its answer alone.
    private struct ServerInput: InputProtocol {
        let bytes: [UInt8]

        func write(with writer: StandardInputWriter) async throws {
            _ = try? await writer.write(bytes)
        }
    }

    private struct Answer: Sendable {
        let isSuccess: Bool
        let output: String
        let words: String
    }

    /// What docker's own programs say on their standard output in place of an answer.
    private static let knownWords = [
        "no credentials server URL", "no credentials username", "pass not initialized", "No secret key",
        "User interaction is not allowed", "Cannot autolaunch D-Bus without X11 $DISPLAY",
    ]

    /// What a program says of its failure on its standard error; of its standard output nothing that is not known, as
    /// nobody can tell where in it an answer's secret begins.
    private func words(_ answer: Answer) -> String {
        let said = answer.words.split(whereSeparator: \.isNewline).first {
            !$0.allSatisfy(\.isWhitespace) && !$0.lowercased().contains("\"secret\"")
        }
        let output = answer.output.lowercased()
        guard let text = said ?? Self.knownWords.first(where: { output.contains($0.lowercased()) })?[...] else {
            return ""
        }
        return ", saying '\(String(text.prefix(4096)).hiding(secrets(answer)).prefix(512).displaySafe)'"
    }

    /// What a program may have written elsewhere too: its answer's secret, or where that is no JSON all that may be one.
    private func secrets(_ answer: Answer) -> [Secret] {
        let root = try? JSONValue(parsing: Array(answer.output.utf8))
        let answered =
            root.map { [$0["Secret"]?.string].compactMap(\.self) }
            ?? answer.output.split { $0.isNewline || $0 == "\"" }.map { String($0.trimmingBlanks) }
            .filter { !$0.contains(where: \.isWhitespace) }
        return (answered + environment.filter { CredentialStore.reads($0.key) }.values).map { Secret($0) }
    }

    private func ask(_ server: String) async throws -> Answer {
        try RoomForPrograms.check()
        // A program that ends without reading must not end this process; NIO does the same before its first socket.
        signal(SIGPIPE, SIG_IGN)
        // Looked for here, as in bytes the last directory of `PATH` has the zero at its end.
        let path = environment["PATH"].map { ["PATH": $0] as [Environment.Key: String] } ?? [:]
        let result = try await run(
            .path(await Executable.name(program).resolveExecutablePath(in: .custom(path))),
            arguments: ["get"],
            environment: .custom(ProgramVariables.bytes(of: environment.filter { !CredentialStore.reads($0.key) })),
            platformOptions: Self.options,
            input: ServerInput(bytes: Array(server.utf8)),
            output: .string(limit: Self.outputLimit),
            error: .string(limit: Self.outputLimit)
        ) { program in
            await ProcessGroups.started.including(program.processIdentifier.value) { await Self.end(of: program) }
        }
        return Answer(
            isSuccess: result.terminationStatus.isSuccess,
            output: result.standardOutput,
            words: result.standardError
        )
    }

    private static var options: PlatformOptions {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
        return options
    }

    /// Waits until it has ended: a teardown whose one step, the signal 0, does nothing but wait.
    private static func end(of program: Execution<ServerInput, StringOutput<UTF8>, StringOutput<UTF8>>) async {
        let wait = TeardownStep.send(signal: Signal(rawValue: 0), allowedDurationToNextStep: .seconds(1 << 30))
        await program.teardown(using: [wait])
    }

    private func parse(_ output: String) throws -> Credential? {
        guard let root = try? JSONValue(parsing: Array(output.utf8)), let user = root["Username"]?.string,
            let secret = root["Secret"]?.string
        else { throw error("answers with something else than Username and Secret") }
        if secret.isEmpty, ["", "<token>"].contains(user) { return nil }
        let kind: Credential.Kind =
            user == "<token>" ? .identity(Secret(secret)) : .basic(user: user, password: Secret(secret))
        return Credential(kind: kind, source: .program(name))
    }

    private func error(_ problem: String) -> CredentialError {
        CredentialError("the credential program \(program) \(problem)")
    }
}
