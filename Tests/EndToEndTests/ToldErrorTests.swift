import OCI
import TestSupport
import Testing

/// Everything on standard error is for one reader: of text, or of JSON.
@Suite(.timeLimit(.minutes(10)))
struct ToldErrorTests {
    private static func messages(_ result: ToolResult) throws -> [String] {
        try result.errorLines.map { line in
            let json = try JSONValue(parsing: Array(line.utf8))
            #expect(json["time"]?.string != nil && json["level"]?.string != nil, "\(line)")
            return try #require(json["message"]?.string)
        }
    }

    @Test(
        "Bad usage is told in JSON where that is asked for, by option or by environment",
        arguments: [
            (["--log-format", "json", "sync", "--no-such-option"], "--no-such-option"),
            (["sync", "--log-format=json", "--output"], "--output"),
            (["--log-format", "json", "nonesuch"], "nonesuch"),
            (["cache", "rm", "--log-format", "json"], "Missing"),
        ]
    )
    func usage(_ arguments: [String], _ text: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Entry("registry.example.com/a", to: "mirror.example.com/a", "tag: '1'"))
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 64, "\(result.errors)")
            let messages = try Self.messages(result)
            #expect(messages.count == 1 && messages[0].contains(text), "\(messages)")
            let plain = arguments.filter { !$0.hasPrefix("--log-format") && $0 != "json" }
            let same = try await workspace.launch(
                [Workspace.program] + plain,
                environment: ["IMGLIFE_LOG_FORMAT": "json"]
            )
            #expect(same.status == 64)
            #expect(try Self.messages(same) == messages)
        }
    }

    @Test("Each problem of a configuration, and none at all, is a line of JSON")
    func configuration() async throws {
        try await Workspace.with { workspace async throws in
            let missing = try await workspace.run("--log-format", "json", "sync")
            #expect(missing.status == 78)
            #expect(try Self.messages(missing).count == 1)
            try workspace.configure("sync:\n  entries:\n    - {source: a, targt: b}\n    - {source: 1}\n")
            let wrong = try await workspace.run("sync", "--log-format", "json")
            #expect(wrong.status == 78)
            #expect(try Self.messages(wrong).count > 2)
            try workspace.configure(Entry("registry.example.com/a", to: "mirror.example.com/a", "tag: '1'"))
            let variable = try await workspace.run(
                "sync",
                environment: ["IMGLIFE_LOG_FORMAT": "json", "IMGLIFE_RETRY_ATTEMPTS": "many"]
            )
            #expect(variable.status == 78)
            #expect(try Self.messages(variable).contains { $0.contains("IMGLIFE_RETRY_ATTEMPTS") })
        }
    }

    @Test("A run that fails, and one at debug level, write nothing but JSON; requests and decisions are among it")
    func runs() async throws {
        try await Mirror.with { mirror async throws in
            let first = try await mirror.workspace.run("sync", "-v", "--log-format", "json")
            #expect(first.status == 0)
            let messages = try Self.messages(first)
            #expect(messages.contains("decided") && messages.contains("registry request"))
            #expect(first.errorLines.contains { $0.contains(#""method":"PUT""#) && $0.contains(#""status":"201""#) })
            #expect(first.errorLines.contains { $0.contains(#""decision":"copy""#) })
            let second = try await mirror.workspace.run("sync", "-v", "--log-format", "json")
            #expect(second.errorLines.contains { $0.contains(#""because":"the target lists the tag""#) })
            mirror.target.script(RequestMatch(nil, .manifests, times: nil), .status(404))
            mirror.upstream.script(RequestMatch("GET", .manifests, times: nil), .status(403))
            let failed = try await mirror.workspace.run("sync", "--log-format", "json", "--quiet")
            #expect(failed.status == 1)
            #expect(try Self.messages(failed) == ["failed"])
        }
    }
}
