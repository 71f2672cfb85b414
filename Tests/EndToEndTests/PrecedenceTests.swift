import TestSupport
import Testing

/// The flag wins over the environment, the environment over the file, the file over what is built in.
@Suite(.timeLimit(.minutes(10)))
struct PrecedenceTests {
    /// A flag's value, a variable's, and what comes of them.
    struct Case: Sendable, CustomTestStringConvertible {
        let flag: String?
        let variable: String?
        let result: String

        var testDescription: String { "\(flag ?? "no flag"), \(variable ?? "no variable")" }

        init(_ flag: String?, _ variable: String?, _ result: String) {
            self.flag = flag
            self.variable = variable
            self.result = result
        }

        func environment(_ name: String) -> [String: String] { variable.map { [name: $0] } ?? [:] }
        func arguments(_ option: String) -> [String] { flag.map { [option, $0] } ?? [] }
    }

    private static func with(_ body: (Mirror) async throws -> Void) async throws {
        try await Mirror.with(.image(), body)
    }

    private static func run(
        _ mirror: Mirror,
        _ arguments: [String],
        _ environment: [String: String]
    ) async throws -> ToolResult {
        let command = [Workspace.program, "sync", "--progress", "none"] + arguments
        let result = try await mirror.workspace.launch(command, environment: environment)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        return result
    }

    @Test("The variable's configuration tells client-config which registries are plain, too", arguments: [true, false])
    func clients(isNamedByVariable: Bool) async throws {
        try await Workspace.with { workspace async throws in
            let file = "\(workspace.path)/plain.yaml"
            try Files.write("registries: {'registry.lab.example:5000': {plain_http: true}}", to: file)
            let option = isNamedByVariable ? [] : ["--config", file]
            let command = ["client-config", "containerd", "--upstream", "registry.lab.example:5000"]
            let result = try await workspace.launch(
                [Workspace.program] + option + command,
                environment: isNamedByVariable ? ["IMGLIFE_CONFIG": file] : [:]
            )
            #expect(result.output.contains("\"http://registry.lab.example:5000\""), "\(result.output)\(result.errors)")
        }
    }

    @Test(
        "Which configuration is read",
        arguments: [
            Case("flag.yaml", "variable.yaml", "flag.yaml"), Case("flag.yaml", nil, "flag.yaml"),
            Case(nil, "variable.yaml", "variable.yaml"), Case(nil, nil, "imglife.yaml"),
        ]
    )
    func configuration(_ example: Case) async throws {
        try await Self.with { mirror async throws in
            for name in ["flag.yaml", "variable.yaml", "imglife.yaml"] {
                let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place(name), "tag: '1'")
                try Files.write("sync:\n  entries:\n\(entry.text)", to: "\(mirror.workspace.path)/\(name)")
            }
            let environment = example.environment("IMGLIFE_CONFIG")
            let list = try await Self.run(mirror, ["--list"] + example.arguments("--config"), environment)
            #expect(list.lines.count == 1)
            #expect(list.output.hasSuffix("-> \(mirror.target.place(example.result)):1\n"), "\(list.output)")
        }
    }

    @Test(
        "Where the cache is",
        arguments: [
            Case("flag", "variable", "flag"), Case("flag", nil, "flag"), Case(nil, "variable", "variable"),
            Case(nil, nil, "file"),
        ],
        [true, false]
    )
    func cache(_ example: Case, isInFile: Bool) async throws {
        try await Self.with { mirror async throws in
            let place = mirror.workspace.path
            if isInFile {
                try mirror.workspace.configure("cache: {path: file}\n" + Files.text("\(place)/imglife.yaml"))
            }
            _ = try await Self.run(
                mirror,
                example.arguments("--cache-dir"),
                example.environment("IMGLIFE_CACHE_DIR")
            )
            let expected = !isInFile && example.result == "file" ? "var/cache" : example.result
            for name in ["flag", "variable", "file", "var/cache"] {
                #expect(Files.exists("\(place)/\(name)/index.json") == (name == expected), "\(name)")
            }
        }
    }

    @Test(
        "What is logged",
        arguments: [
            Case("error", "trace", "error"), Case("trace", "error", "trace"), Case(nil, "trace", "trace"),
            Case(nil, "error", "error"), Case(nil, nil, "info"), Case("info", "trace", "info"),
        ]
    )
    func logLevel(_ example: Case) async throws {
        try await Self.with { mirror async throws in
            let result = try await Self.run(
                mirror,
                example.arguments("--log-level"),
                example.environment("IMGLIFE_LOG_LEVEL")
            )
            #expect(result.errors.contains(" TRACE ") == (example.result == "trace"), "\(result.errors)")
            #expect(result.errors.contains(" INFO ") == (example.result != "error"), "\(result.errors)")
        }
    }

    @Test(
        "How it is logged",
        arguments: [
            Case("text", "json", "text"), Case("json", "text", "json"), Case(nil, "json", "json"),
            Case(nil, nil, "text"),
        ]
    )
    func logFormat(_ example: Case) async throws {
        try await Self.with { mirror async throws in
            let result = try await Self.run(
                mirror,
                ["--log-level", "trace"] + example.arguments("--log-format"),
                example.environment("IMGLIFE_LOG_FORMAT")
            )
            #expect(!result.errorLines.isEmpty)
            #expect(result.errorLines.allSatisfy { $0.hasPrefix("{") == (example.result == "json") })
        }
    }
}
