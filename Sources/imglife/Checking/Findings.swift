import Sync
import YAML

/// All that is wrong with what a command is to work with, gathered so that it is told at once.
struct Findings: Error {
    /// Of the configuration, and of what it points at.
    var problems: [ConfigurationProblem] = []
    /// Of the environment, and of files that options name, a line each.
    var troubles: [String] = []

    mutating func note(_ error: any Error) {
        troubles += (error as? SettingsError)?.problems ?? ["\(error)"]
    }

    /// What a body makes; where it fails that is noted, and something else stands in for it.
    mutating func value<Value>(or substitute: Value, _ body: () throws -> Value) -> Value {
        do {
            return try body()
        } catch {
            note(error)
            return substitute
        }
    }

    /// - Throws: `ConfigurationError` where the configuration alone is wrong; ``Findings``; nothing where all is well.
    func refuse() throws {
        guard !troubles.isEmpty || !problems.isEmpty else { return }
        throw troubles.isEmpty ? ConfigurationError(problems: problems) : self
    }
}

extension Findings: CustomStringConvertible {
    var description: String { (problems.map(\.description) + troubles).joined(separator: "\n") }
}
