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
        let words = Self.withoutPrefix(command.split(whereSeparator: \.isWhitespace)[...]) ?? []
        let word = words.first
        let end = word?.firstIndex { ";|&<>".contains($0) } ?? word?.endIndex
        let first = word.flatMap { word in end.map { word[..<$0] } } ?? ""
        // `say () {` makes a function.
        let isFunction = end == word?.endIndex && words.dropFirst().first?.hasPrefix("(") == true
        let isPlain = !first.isEmpty && !isFunction && Self.isPlain(first)
        name = isPlain && !Self.shellWords.contains(first) ? String(first) : nil
    }

    /// Without what may stand before a program: assignments and redirections.
    ///
    /// - Returns: `nil` where only a shell can tell where they end.
    private static func withoutPrefix(_ words: ArraySlice<Substring>) -> ArraySlice<Substring>? {
        var words = words
        while let word = words.first {
            if let value = word.prefixMatch(of: #/[A-Za-z_][A-Za-z_0-9]*=/#)?.range.upperBound {
                // What stands behind a semicolon begins a command too.
                let end = word.hasSuffix(";") ? word.index(before: word.endIndex) : word.endIndex
                // Where programs are is another matter then.
                guard isOneWord(word[value..<end]), !word.hasPrefix("PATH=") else { return nil }
            } else if let target = word.prefixMatch(of: #/[0-9]*(?:>>|>&|>\||<&|<>|<(?!<)|>)/#)?.range.upperBound {
                if target == word.endIndex { words.removeFirst() }
                guard let file = words.first, isOneWord(target == word.endIndex ? file : word[target...]) else {
                    return nil
                }
            } else {
                break
            }
            words.removeFirst()
        }
        return words
    }

    /// Whether a word that holds no blank is one to the shell as well, and ends no command.
    private static func isOneWord(_ text: Substring) -> Bool {
        !text.contains { "'\"`\\();|&<>".contains($0) } && !text.contains("${")
    }

    private static func isPlain(_ name: Substring) -> Bool {
        !name.contains { "'\"`$\\*?[]~#(){}=".contains($0) }
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
