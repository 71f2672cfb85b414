import ArgumentParser
import OCI

/// `imglife help`: of a command, or of the environment.
///
/// The argument parser has a `help` of its own, which takes any words and knows no other topics than commands; it stays what
/// shells complete.
enum HelpRequest {
    private static let environment = "environment"
    private static let optionsWithValue: Set<String> = [
        "--config", "-c", "--log-level", "--log-format", "--cache-dir", "--lock-timeout",
    ]

    /// Ends the program with help where a command line asks for it in that way.
    ///
    /// - Throws: `CleanExit`; `ValidationError` for what there is no help of.
    static func answer(_ arguments: [String]) throws {
        var words: [String] = []
        var isValue = false
        for argument in arguments {
            if !isValue, !argument.hasPrefix("-") { words.append(argument) }
            isValue = !isValue && optionsWithValue.contains(argument)
        }
        guard words.first == "help" else { return }
        let topic = Array(words.dropFirst())
        guard topic != [environment] else { throw CleanExit.message(EnvironmentHelp.text) }
        guard topic.first != environment else {
            throw ValidationError("'help \(environment)' takes no more words")
        }
        guard topic != ["help"] else { throw CleanExit.helpRequest(Imglife.self) }
        throw CleanExit.helpRequest(try command(topic))
    }

    private static func command(_ names: [String]) throws -> any ParsableCommand.Type {
        try names.reduce(Imglife.self as any ParsableCommand.Type) { command, name in
            if let next = CommandTree.child(name, of: command) { return next }
            let known = CommandTree.names(of: command) + (command == Imglife.self ? [environment] : [])
            throw ValidationError(
                "there is no command '\(name.displaySafe)'" + Suggestion.question(for: name, among: known)
            )
        }
    }
}
