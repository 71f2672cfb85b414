import Glibc
import OCI
import TestSupport
import Testing

/// What other programs read from standard error under `--log-format json`, however a run ends.
@Suite(.timeLimit(.minutes(10)))
struct JSONLinesTests {
    private static let environment = ["IMGLIFE_LOG_FORMAT": "json"]

    /// Every line is an object with a time, a level and a message.
    private static func check(
        _ result: ToolResult,
        endsWith status: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
        #expect(status == 0 || !result.errors.isEmpty, sourceLocation: sourceLocation)
        #expect(result.errors.isEmpty || result.errors.hasSuffix("\n"), sourceLocation: sourceLocation)
        for line in result.errors.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let event = try? JSONValue(parsing: Array(line.utf8))
            let isWhole = ["time", "level", "message"].allSatisfy { event?[$0]?.string?.isEmpty == false }
            #expect(isWhole, "\(line)", sourceLocation: sourceLocation)
        }
    }

    @Test("A run that ends well, fails, or is a dry one", arguments: [0, 1])
    func runs(status: Int) async throws {
        try await Mirror.with { mirror async throws in
            if status == 1 { mirror.upstream.script(.init("GET", .blobs, times: nil), .status(500)) }
            for arguments in [["--progress", "plain", "-v"], ["--dry-run"], ["--list"], ["--log-level", "trace"]] {
                let isPlanOnly = arguments.first == "--dry-run" || arguments.first == "--list"
                let command = [Workspace.program, "sync"] + arguments
                let result = try await mirror.workspace.launch(command, environment: Self.environment)
                try Self.check(result, endsWith: isPlanOnly ? 0 : status)
            }
            let hooked = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            let hook = "sync:\n  hooks: {post_sync: [{cmd: 'echo said; echo told >&2; exit 3'}]}\n  entries:\n"
            try mirror.workspace.configure(hook + hooked.text)
            try Self.check(try await mirror.workspace.run("sync", "--log-format", "json"), endsWith: 1)
        }
    }

    @Test(
        "Bad usage, an invalid configuration and invalid variables",
        arguments: [
            (["sync", "--nonesuch"], 64), (["snyc"], 64), (["help", "nonesuch"], 64),
            (["sync", "--entry", "none"], 64),
            (["cache", "rm", "alpine"], 64), (["sync", "-c", "none.yaml"], 78), (["sync", "-c", "wrong.yaml"], 78),
            (["--check", "-c", "wrong.yaml"], 78), (["inspect", "alpine:1"], 1), (["cache", "ls"], 1),
            (["import", "none.tar"], 1), (["convert", "none.yaml"], 1),
        ]
    )
    func errors(arguments: [String], status: Int) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Entry("registry.example.com/a", to: "mirror.example.com/a", "tag: '1'"))
            try Files.write("sync: {entries: [{source: 1, tagg: 2}], x: 3}\n", to: "\(workspace.path)/wrong.yaml")
            let option = try await workspace.launch([Workspace.program, "--log-format", "json"] + arguments)
            try Self.check(option, endsWith: status)
            #expect(option.errorLines.contains { $0.contains(#""level":"error""#) })
            let variable = try await workspace.launch([Workspace.program] + arguments, environment: Self.environment)
            try Self.check(variable, endsWith: status)
            let variables = Self.environment.merging(["IMGLIFE_RETRY_ATTEMPTS": "none"]) { $1 }
            try Self.check(try await workspace.run("sync", environment: variables), endsWith: 78)
        }
    }

    @Test("What is told beside a result, or on standard error because standard output is taken")
    func remarks() async throws {
        try await Mirror.with { mirror async throws in
            let workspace = mirror.workspace
            for arguments in [
                ["init", "-c", "first.yaml"], ["client-config", "docker", "--upstream", "quay.io"],
                ["export", "-o", "-", "\(mirror.upstream.place("up/app")):1"],
                ["export", "-o", "app.tar", "\(mirror.upstream.place("up/app")):1"],
                ["import", "app.tar", "--receipt", "-"],
            ] {
                let result = try await workspace.launch([Workspace.program] + arguments, environment: Self.environment)
                try Self.check(result, endsWith: 0)
                if !arguments.contains("app.tar") || arguments.contains("-") { #expect(!result.errors.isEmpty) }
            }
        }
    }

    @Test("A run that is interrupted", arguments: [(SIGINT, 130), (SIGTERM, 143)])
    func interrupted(signal: CInt, status: Int) async throws {
        try await Mirror.with { mirror async throws in
            let gate = Gate()
            mirror.target.script(.init("PUT", .manifests), .holdHead(gate))
            let result = try await mirror.workspace.interrupting(environment: Self.environment) {
                program async throws in
                try await gate.waitForArrivals()
                try program.send(signal)
            }
            gate.open()
            try Self.check(result, endsWith: status)
        }
    }
}
