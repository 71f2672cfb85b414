import Glibc

/// The program that a hook's command begins with, as far as that can be told without a shell.
struct HookProgram {
    enum Presence: Hashable {
        case there
        case absent
        /// There is such a file, and it must not be run.
        case notExecutable(String)
    }

    /// POSIX shell's reserved words, special and regular built-ins, and those that dash and bash add.
    private static let shellWords: Set<Substring> = [
        "!", "{", "(", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "then", "until", "while", ".",
        ":",
        "[", "alias", "bg", "break", "builtin", "cd", "command", "continue", "echo", "eval", "exec", "exit", "export",
        "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return", "set",
        "shift", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "wait",
    ]

    /// `nil` when the shell itself does it, or puts the name together.
    let name: String?

    init(command: String) {
        let words = command.split(whereSeparator: \.isWhitespace)
        // NAME=value before a command is for its environment.
        let word = words.drop { $0.contains("=") && !$0.hasPrefix("=") }.first
        let end = word?.firstIndex { ";|&<>".contains($0) } ?? word?.endIndex
        let first = word.flatMap { word in end.map { word[..<$0] } } ?? ""
        let isPlain = !first.isEmpty && !first.contains { "'\"`$\\*?[]~#(){}=".contains($0) }
        name = isPlain && !Self.shellWords.contains(first) ? String(first) : nil
    }

    /// Looks for a program as the shell would.
    static func look(for name: String, path: String?) -> Presence {
        let places =
            name.contains("/")
            ? [name]
            : (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":", omittingEmptySubsequences: false)
                .map { $0.isEmpty ? name : "\($0)/\(name)" }
        var found: String?
        for place in places {
            var status = stat()
            guard stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            if access(place, X_OK) == 0 { return .there }
            found = found ?? place
        }
        return found.map(Presence.notExecutable) ?? .absent
    }
}
