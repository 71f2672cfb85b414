import OCI
import TestSupport
import Testing

/// Completion as the shells do it: the printed script is loaded into a shell, which is asked what it would offer.
@Suite(.timeLimit(.minutes(10)))
struct ShellCompletionTests {
    /// Prints what bash offers behind the command line in `$line`.
    private static let question = """
        eval "$(imglife completion bash)"
        COMP_LINE="$line"; COMP_POINT=${#COMP_LINE}
        # As readline splits it: at blanks, and at what is left of COMP_WORDBREAKS.
        eval "COMP_WORDS=($line)"; case "$line" in *' ') COMP_WORDS+=('') ;; esac
        case "$COMP_WORDBREAKS" in *:*) echo 'a colon breaks words' ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        function=$(complete -p imglife | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        "$function" imglife "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """

    private static func with(_ body: (Workspace, ScriptedRegistry) async throws -> Void) async throws {
        try await Mirror.with { mirror async throws in
            mirror.upstream.load(.image(), repository: "up/app", tag: "1.0")
            mirror.upstream.load(.image(labels: ["n": "2"]), repository: "up/app", tag: "1.1")
            let (source, target) = (mirror.upstream.place("up/app"), mirror.target.place("down/app"))
            try mirror.workspace.configure(Entry(source, to: target, "tag_regex: '^1.'"))
            #expect(try await mirror.workspace.run("sync").status == 0)
            try Files.makeDirectory("\(mirror.workspace.path)/bin")
            _ = try await mirror.workspace.launch(["ln", "-s", Workspace.program, "bin/imglife"])
            var workspace = mirror.workspace
            workspace.environment["PATH"] = "\(workspace.path)/bin:/usr/bin:/bin"
            try await body(workspace, mirror.upstream)
        }
    }

    @Test("bash offers commands, options, values, files, entries and names of the cache", .requires(.tool("bash")))
    func bash() async throws {
        try await Self.with { workspace, registry async throws in
            let place = registry.place("up/app")
            let cases: [(line: String, all: [String])] = [
                ("imglife sy", ["sync"]), ("imglife cache ", ["stats", "ls", "verify", "gc", "rm"]),
                ("imglife sync --dry", ["--dry-run"]), ("imglife sync --output ", ["text", "json"]),
                ("imglife sync --entry ", [place]), ("imglife completion ", ["bash", "zsh", "fish"]),
                ("imglife inspect \(registry.host)/up/", ["\(place):1.0", "\(place):1.1"]),
                ("imglife cache rm \(place):1.1", ["\(place):1.1"]), ("imglife cache ls 127", ["\(place):1.0"]),
                ("imglife --config im", ["imglife.yaml"]), ("imglife convert im", ["imglife.yaml"]),
                ("imglife plan --entry ", [place]), ("imglife plan --explain \(place)", ["\(place):1.0"]),
                ("imglife serve --tls-cert im", ["imglife.yaml"]), ("imglife import --receipt im", ["imglife.yaml"]),
                ("imglife client-config docker --upstream ", ["\(registry.host)"]),
                ("imglife export --platform linux/arm", ["linux/arm64", "linux/arm/v7"]),
            ]
            for (line, all) in cases {
                let result = try await workspace.launch(["env", "line=\(line)", "bash", "-c", Self.question])
                #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
                for word in all { #expect(result.lines.contains(word), "\(line): \(result.lines)") }
            }
        }
    }

    /// Types lines into a shell in a terminal, presses the tabulator, and waits for what the line becomes.
    private static func type(
        into shell: String,
        _ workspace: Workspace,
        _ cases: [(typed: String, expected: String)]
    ) async throws {
        let terminal = TerminalRecording(columns: 120, rows: 40, workspace: workspace)
        try await terminal.start(shell)
        do {
            _ = try await terminal.lines { $0.hasPrefix(">") }
            for (typed, expected) in cases {
                try await terminal.type("-l", typed)
                try await terminal.type("Tab")
                _ = try await terminal.lines { $0.replacing("\\", with: "").hasPrefix("> \(expected)") }
                try await terminal.type("C-u")
                _ = try await terminal.lines { $0 == ">" }
            }
            try await terminal.stop()
        } catch {
            try await terminal.stop()
            throw error
        }
    }

    private static func cases(_ registry: ScriptedRegistry) -> [(typed: String, expected: String)] {
        [
            ("imglife syn", "imglife sync"), ("imglife sync --dry", "imglife sync --dry-run"),
            ("imglife --config imglife.y", "imglife --config imglife.yaml"),
            ("imglife sync --entry \(registry.host)/u", "imglife sync --entry \(registry.place("up/app"))"),
            ("imglife inspect \(registry.host)/up/app:1.1", "imglife inspect \(registry.place("up/app:1.1"))"),
            (
                "imglife plan --explain \(registry.host)/up/app:1.1",
                "imglife plan --explain \(registry.place("up/app:1.1"))"
            ),
            ("imglife serve --htpasswd imglife.y", "imglife serve --htpasswd imglife.yaml"),
            ("imglife export --platform linux/ris", "imglife export --platform linux/riscv64"),
        ]
    }

    @Test("zsh completes them on the line that somebody types", .requires(.tool("zsh"), .tool("tmux")))
    func zsh() async throws {
        try await Self.with { workspace, registry async throws in
            _ = try await workspace.shell("mkdir functions; \"$imglife\" completion zsh >functions/_imglife")
            let lines = ["PS1='> '", "fpath=($PWD/functions $fpath)", "autoload -Uz compinit", "compinit -u -D"]
            try Files.write(lines.map { $0 + "\n" }.joined(), to: "\(workspace.path)/.zshrc")
            try await Self.type(into: "ZDOTDIR=$PWD exec zsh -i", workspace, Self.cases(registry))
        }
    }

    @Test("fish does so too", .requires(.tool("fish"), .tool("tmux")))
    func fish() async throws {
        try await Self.with { workspace, registry async throws in
            let prompt =
                "function fish_prompt; printf '> '; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0"
            let start = "exec fish --no-config -C \"\(prompt); imglife completion fish | source\""
            try await Self.type(into: start, workspace, Self.cases(registry))
        }
    }
}
