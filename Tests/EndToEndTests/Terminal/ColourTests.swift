import TestSupport
import Testing

/// The summary's colours, in a terminal made by `script`.
@Suite(.timeLimit(.minutes(10)))
struct ColourTests {
    /// What a first run writes to a terminal.
    private static func summary(_ command: String, _ environment: [String: String] = [:]) async throws -> String {
        var text = ""
        try await Mirror.with(.image()) { mirror async throws in
            let result = try await mirror.workspace.shell(
                "script -qec '\(command)' /dev/null",
                environment: ["TERM": "xterm-256color", "SHELL": "/bin/sh"].merging(environment) { $1 }
            )
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            text = result.output
        }
        return text
    }

    @Test(
        "A terminal gets colours, unless NO_COLOR holds something or the terminal is dumb",
        .requires(.tool("script")),
        arguments: [
            ([:], true), (["NO_COLOR": ""], true), (["NO_COLOR": "1"], false), (["NO_COLOR": "0"], false),
            (["TERM": "dumb"], false),
        ] as [([String: String], Bool)]
    )
    func terminal(environment: [String: String], isColoured: Bool) async throws {
        let text = try await Self.summary(#""$imglife" sync --progress none 2>/dev/null"#, environment)
        #expect(text.contains("Sync Summary"), "\(text)")
        #expect(text.contains("\u{1B}[") == isColoured, "\(text)")
    }

    @Test("Output that goes elsewhere has no colours, though errors go to a terminal", .requires(.tool("script")))
    func elsewhere() async throws {
        let text = try await Self.summary(#""$imglife" sync --progress none --log-level error | cat"#)
        #expect(text.contains("Sync Summary"), "\(text)")
        #expect(!text.contains("\u{1B}["), "\(text)")
    }
}
