import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import OCI
import Registry
import Sync
import YAML

/// Which exit code an error ends the process with, and how it is told.
enum Failure {
    /// One or more entries failed, or the work could not be done.
    static let failed = ExitCode(1)
    /// The configuration is invalid; nothing ran.
    ///
    /// `EX_CONFIG` of sysexits(3).
    static let configuration = ExitCode(78)

    /// Runs a command's work; an error is told on standard error and becomes its exit code.
    static func exiting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            throw report(error)
        }
    }

    /// Ends the process with what the command line came to: help and versions as results, and bad usage as an error
    /// that a reader of JSON can read; with the usage of the command that ran, if it came to that.
    static func exit(with error: any Error, of command: (any ParsableCommand.Type)?) -> Never {
        HelpText.makeRoom()
        let code = Imglife.exitCode(for: error)
        guard !(error is ExitCode) else { Imglife.exit(withError: error) }
        if code.isSuccess {
            do {
                try StandardOutput.write(HelpText.completed(Imglife.fullMessage(for: error)) + "\n")
            } catch {
                // Whoever has seen enough of a help goes away.
                guard error.code != EPIPE else { Glibc.exit(code.rawValue) }
                Glibc.exit(Imglife.exitCode(for: report(error)).rawValue)
            }
        } else if format == .json {
            tell(Suggestion.added(to: Imglife.message(for: error).withoutUserinfo))
        } else {
            StandardOutput.writeError(Suggestion.added(to: usage(error, of: command).withoutUserinfo) + "\n")
        }
        Glibc.exit(code.rawValue)
    }

    /// What is wrong with the arguments, and the usage of the command that they are for.
    ///
    /// The parser knows that only of what it has found itself.
    private static func usage(_ error: any Error, of command: (any ParsableCommand.Type)?) -> String {
        guard error is ValidationError, let command,
            let path = CommandTree.all.first(where: { $0.command == command })?.path
        else { return Imglife.fullMessage(for: error) }
        let name = (["imglife"] + path).joined(separator: " ")
        return "Error: \(Imglife.message(for: error))\nUsage: \(Imglife.usageString(for: command))\n"
            + "  See '\(name) --help' for more information."
    }

    /// Tells of an error on standard error, in the form that log lines have.
    static func tell(_ message: String) {
        switch format {
        case .text: write("error: \(message)")
        case .json: StandardOutput.writeError(LogOutput.jsonLine(.error, message, []))
        }
    }

    /// Tells of something beside a result on standard error: as a line of its own, or as log lines are where these are JSON.
    static func remark(_ text: String) {
        guard format == .json else { return StandardOutput.writeError(text.hasSuffix("\n") ? text : text + "\n") }
        for line in text.split(separator: "\n") {
            StandardOutput.writeError(LogOutput.jsonLine(.info, String(line), []))
        }
    }

    private static func tell(_ problems: [ConfigurationProblem]) {
        for problem in problems {
            if format == .json { tell("\(problem)") } else { write("\(problem)") }
        }
    }

    /// A line, or on a terminal as many as it takes.
    private static func write(_ line: String) {
        let terminal = Terminal.standardError
        let lines = FoldedText.lines(line, columns: terminal.isTerminal ? terminal.size.columns : nil)
        StandardOutput.writeError(lines.joined(separator: "\n") + "\n")
    }

    private static func report(_ error: any Error) -> any Error {
        switch error {
        case is ExitCode, is CleanExit, is ValidationError: return error
        case let error as ConfigurationError:
            tell(error.problems)
            return configuration
        case let error as Findings:
            tell(error.problems)
            for trouble in error.troubles { tell(trouble) }
            return configuration
        case is CredentialError, is ProxyError:
            tell("\(error)")
            return configuration
        default:
            tell("\(error)")
            return failed
        }
    }

    /// As the command line asks for it, whether or not the rest of it makes sense.
    private static let format: GlobalOptions.LogFormat = {
        let arguments = ProcessInfo.processInfo.arguments.dropFirst().prefix { $0 != "--" }
        for (position, argument) in zip(arguments.indices, arguments).reversed() {
            if argument.hasPrefix("--log-format=") { return .init(rawValue: String(argument.dropFirst(13))) ?? .text }
            if argument == "--log-format", position + 1 < arguments.endIndex {
                return .init(rawValue: arguments[position + 1]) ?? .text
            }
        }
        return GlobalOptions.format(in: ProcessInfo.processInfo.environment)
    }()
}
