import TestSupport
import Testing

/// The first minutes with imglife: `init`, `convert`, and what is said to who has neither.
@Suite(.timeLimit(.minutes(10)))
struct StartingTests {
    private static let regsync = """
        creds: [{registry: mirror.example.com, user: u, pass: hush-hush}]
        sync:
          - {source: "quay.io/a/b:1", target: "mirror.example.com/b:1", type: image, interval: 1h}
        """

    @Test("A converted file is a valid configuration", arguments: ["regsync.yml", "-"])
    func convert(_ file: String) async throws {
        try await Workspace.with { workspace async throws in
            try Files.write(Self.regsync, to: "\(workspace.path)/regsync.yml")
            let result = try await workspace.run("convert", file, stdin: file == "-" ? Self.regsync : "")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.isEmpty && !result.output.contains("hush-hush"))
            try workspace.configure(result.output)
            let check = try await workspace.run("--check")
            #expect(check.output == "imglife.yaml: valid, 1 entry\n", "\(check.errors)")
        }
    }

    @Test(
        "What cannot be converted is one clear error",
        arguments: [("none.yml", "cannot read 'none.yml'"), ("-", "standard input: not a file of")]
    )
    func unconvertible(_ file: String, _ words: String) async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.run("convert", file, stdin: file == "-" ? "a: b" : "")
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.errors.hasPrefix("error: ") && result.errors.contains(words), "\(result.errors)")
        }
    }

    @Test("Another tool's file as the configuration is called by its name", arguments: ["sync", "--check", "eol"])
    func foreign(_ command: String) async throws {
        try await Workspace.with { workspace async throws in
            try Files.write(Self.regsync, to: "\(workspace.path)/regsync.yml")
            let result = try await workspace.run(command, "--config", "regsync.yml")
            #expect(result.status == 78)
            #expect(
                result.errors == "error: 'regsync.yml' is no configuration of imglife, but a file of regsync: "
                    + "'imglife convert regsync.yml' makes a configuration from it\n"
            )
        }
    }

    @Test("init writes a valid file, and never over another")
    func initialize() async throws {
        try await Workspace.with { workspace async throws in
            let missing = try await workspace.run("sync")
            #expect(missing.errors.contains("'imglife init'"))
            let first = try await workspace.run("init")
            #expect(first.status == 0, "\(first.errors)")
            let check = try await workspace.run("--check")
            #expect(check.output == "imglife.yaml: valid, 2 entries\n", "\(check.errors)")
            #expect(check.errors.isEmpty)
            try workspace.configure("mine")
            let second = try await workspace.run("init")
            #expect(second.status == 1 && second.errors.contains("is there already"))
            #expect(try Files.text("\(workspace.path)/imglife.yaml") == "mine")
        }
    }

    @Test("Standard input is one file only")
    func standardInputTwice() async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.run("convert", "-", "-", stdin: "alpine:3\n")
            #expect(result.status == 64 && result.output.isEmpty, "\(result.output)")
            #expect(result.errors.contains("standard input can be read once only"), "\(result.errors)")
        }
    }

    @Test("More than a configuration may hold is one error, and nothing is printed")
    func tooMany() async throws {
        try await Workspace.with { workspace async throws in
            let list = (0..<9000).map { "quay.io/organisation/some-component-\($0):v1.0.0\n" }.joined()
            let result = try await workspace.run("convert", "-", stdin: list)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errors.hasPrefix("error: the configuration would have 1."), "\(result.errors)")
        }
    }

    @Test("init with images writes a file that mirrors them")
    func images() async throws {
        try await Workspace.with { workspace async throws in
            let options = ["--target", "mirror.example.com/all", "--config", "other.yaml"]
            let command = [Workspace.program, "init"] + options + ["alpine:3.21", "quay.io/a/b"]
            let result = try await workspace.launch(command)
            #expect(result.status == 0, "\(result.errors)")
            let text = try Files.text("\(workspace.path)/other.yaml")
            #expect(text.contains("source: docker.io/library/alpine") && text.contains("tag: '3.21'"))
            #expect(text.contains("target: mirror.example.com/all/a/b") && text.contains("tag: latest"))
            let check = try await workspace.run("--check", "--config", "other.yaml")
            #expect(check.status == 0, "\(check.errors)")
            let output = try await workspace.run("init", "--config", "-", "alpine")
            #expect(output.output.contains("put your registry in the place of registry.example.com/mirrors"))
            #expect(!output.output.contains("convert") && output.output.contains("'imglife init --target"))
        }
    }
}
