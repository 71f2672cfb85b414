import FoundationEssentials
import OCI
import YAML

/// What somebody probably meant who wrote a command's name wrong.
enum Suggestion {
    /// `; did you mean 'sync'?`, or nothing.
    static func question(for name: String, among known: [String]) -> String {
        NearestName.suggestion(for: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Adds a suggestion to what the argument parser says of a word that is no command.
    static func added(to message: String) -> String {
        guard let match = message.firstMatch(of: /Unexpected argument '([^']*)'/) else { return message }
        let arguments = ProcessInfo.processInfo.arguments.dropFirst()
        let parent = arguments.prefix { $0 != match.output.1 }.lazy.compactMap { name in
            CommandTree.child(name, of: Imglife.self)
        }.first
        let known = CommandTree.names(of: parent ?? Imglife.self)
        return message.replacingCharacters(
            in: match.range,
            with: match.output.0 + question(for: String(match.output.1), among: known)
        )
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
