import ArgumentParser
import OCI
import Registry
import Sync
import YAML

/// Which exit code an error ends the process with.
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
            throw tell(error)
        }
    }

    private static func tell(_ error: any Error) -> any Error {
        switch error {
        case is ExitCode, is CleanExit, is ValidationError: return error
        case let error as ConfigurationError:
            for problem in error.problems { StandardOutput.writeError("\(problem)\n") }
            return configuration
        case let error as SettingsError:
            for problem in error.problems { StandardOutput.writeError("error: \(problem)\n") }
            return configuration
        case is CredentialError, is ProxyError, is MissingConfiguration, is ForeignConfiguration:
            StandardOutput.writeError("error: \(error)\n")
            return configuration
        default:
            StandardOutput.writeError("error: \(error)\n")
            return failed
        }
    }
}
