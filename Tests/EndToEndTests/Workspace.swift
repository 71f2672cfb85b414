import OCI
import TestSupport
import Testing

/// A directory with a configuration and a cache, and the built `imglife` that is run in it as a user would.
struct Workspace: Sendable {
    let path: String
    /// All that the program finds in its environment; nothing is inherited.
    var environment: [String: String]

    static let program = Tool.builtProduct("imglife")

    static func with<R>(_ body: (Workspace) async throws -> R) async throws -> R {
        try await TemporaryDirectory.with { path async throws in
            let environment = ["PATH": "/usr/bin:/bin", "HOME": path, "IMGLIFE_RETRY_INITIAL_DELAY": "1ms"]
            return try await body(Workspace(path: path, environment: environment))
        }
    }

    /// Where the cache is when nobody says otherwise.
    var cache: String { "\(path)/var/cache" }

    func configure(_ text: String) throws {
        try Files.write(text, to: "\(path)/imglife.yaml")
    }

    func configure(_ entries: Entry..., head: String = "") throws {
        try configure(head + "sync:\n  entries:\n" + entries.map(\.text).joined())
    }

    /// Runs the program to its end; any exit status is a result.
    func run(
        _ arguments: String...,
        environment: [String: String] = [:],
        stdin: String = ""
    ) async throws -> ToolResult {
        try await launch([Self.program] + arguments, environment: environment, stdin: stdin)
    }

    /// Runs a shell's command line, in which `"$imglife"` is the program.
    func shell(_ command: String, environment: [String: String] = [:]) async throws -> ToolResult {
        let more = ["imglife": Self.program]
        return try await launch(["sh", "-c", command], environment: environment.merging(more) { $1 })
    }

    /// Runs `sync` while a closure runs that gets a way to signal it.
    ///
    /// Further options can be given, what the shell does before, and the least of what is logged.
    ///
    /// - Returns: what the program came to; when it ended before the closure did, that is cancelled.
    func interrupting(
        _ options: String = "",
        environment: [String: String] = [:],
        after preparation: String = ":",
        logging level: String = "trace",
        _ body: @escaping @Sendable (RunningProgram) async throws -> Void
    ) async throws -> ToolResult {
        let running = RunningProgram(file: "\(path)/pid.\(UInt64.random(in: .min ... .max))")
        // The shell becomes the program, so the number that it writes is the program's.
        let program = "exec \"$imglife\" --log-level \(level) sync --progress none \(options)"
        let command = "\(preparation); echo $$ >'\(running.file)'; \(program)"
        return try await withThrowingTaskGroup(of: ToolResult?.self) { group in
            group.addTask { try await shell(command, environment: environment) }
            group.addTask {
                try await body(running)
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    /// Gives its runs a credential program for every registry.
    mutating func useCredentialProgram(_ script: String) async throws {
        try Files.makeDirectory("\(path)/bin")
        try Files.makeDirectory("\(path)/.docker")
        try Files.write(script, to: "\(path)/bin/docker-credential-own")
        try await Tool.check("chmod", ["+x", "\(path)/bin/docker-credential-own"])
        environment["PATH"] = "\(path)/bin:/usr/bin:/bin"
        try Files.write(#"{"credsStore": "own"}"#, to: "\(path)/.docker/config.json")
    }

    func launch(
        _ command: [String],
        environment: [String: String] = [:],
        stdin: String = ""
    ) async throws -> ToolResult {
        let all: [String: String?] = self.environment.merging(environment) { $1 }.mapValues { .some($0) }
        return try await Tool.run(
            "env",
            ["--chdir=\(path)", "--"] + command,
            environment: all,
            inheritsEnvironment: false,
            stdin: Array(stdin.utf8),
            limit: .seconds(120)
        )
    }
}

/// One entry of a configuration, as YAML.
struct Entry: Sendable {
    let text: String

    init(_ source: String, to target: String, _ more: String...) {
        text =
            "    - source: \(source)\n      target: \(target)\n"
            + more.map { "      \($0)\n" }.joined()
    }

    /// Every tag.
    static let all = "tag_regex: '.'"
}

extension ToolResult {
    /// The lines of standard output.
    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// The lines of standard error.
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }

    /// The summary's four counts: managed, synced, up to date, errors.
    var counts: [Int] {
        ["Mirror images managed", "├─ Synced", "├─ Up-to-date", "└─ Errors"].compactMap { label in
            lines.first { $0.hasPrefix(label) }.flatMap { Int($0.dropFirst(label.count).drop { $0 == " " }) }
        }
    }

    /// The lines below the summary that tell failures.
    var failures: [String] { lines.filter { $0.hasPrefix("✗ ") } }
}

extension ScriptedRegistry {
    /// `host:port/name`.
    func place(_ name: String) -> String { "\(host)/\(name)" }
}

extension ExternalRegistry {
    /// `host:port/name`.
    func place(_ name: String) -> String { "\(host)/\(name)" }
}
