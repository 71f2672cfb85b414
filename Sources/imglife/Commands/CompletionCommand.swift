import ArgumentParser

/// `imglife completion`: prints the script with which a shell completes imglife's commands and options.
struct CompletionCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a shell's completion script.",
        discussion: """
            It completes commands, options, files, the configuration's entries and the names that the cache holds. In bash \
            it takes the colon out of COMP_WORDBREAKS, because tags follow one.
            """
    )

    /// The shells that swift-argument-parser writes scripts for.
    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash
        case zsh
        case fish
    }

    @ParentCommand var parent: Imglife

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() async throws {
        let shell: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        try StandardOutput.write(Imglife.completionScript(for: shell) + "\n" + wordBreaks)
    }

    /// Bash begins a new word at a colon, so that nothing behind a repository could be completed.
    private var wordBreaks: String { shell == .bash ? "COMP_WORDBREAKS=\"${COMP_WORDBREAKS//:/}\"\n" : "" }
}
