import OCI
import TestSupport
import Testing

/// The built program in a real terminal multiplexer, as a person would see it.
@Suite(.timeLimit(.minutes(10)))
struct TerminalTests {
    /// Layers that arrive as slowly as a valve lets them, over two connections at most.
    private static func slowMirror(_ valve: Valve, _ body: (Mirror) async throws -> Void) async throws {
        let layers = (1...6).map { SampleImage.Layer(seed: UInt64($0), size: 3_000_000) }
        try await Mirror.with(.image(layers: layers)) { mirror async throws in
            mirror.upstream.script(
                RequestMatch("GET", .blobs, times: nil),
                .trickle(valve)
            )
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            let head = "registries:\n  '\(mirror.upstream.host)': {max_connections: 2}\n"
            try mirror.workspace.configure(entry, head: head)
            try await body(mirror)
        }
    }

    @Test(
        "Bars are readable in a terminal, none is longer than it is wide, and nothing of them is left",
        .requires(.tool("tmux")),
        .timeLimit(.minutes(10)),
        arguments: [40, 100]
    )
    func recorded(columns: Int) async throws {
        let valve = Valve(bytes: 100_000)
        try await Self.slowMirror(valve) { mirror async throws in
            let terminal = TerminalRecording(columns: columns, rows: 20, workspace: mirror.workspace)
            try await terminal.start("\"$imglife\" sync; echo \"status $?\"")
            var seen: [String] = []
            do {
                // Bytes are let through little by little until there is an estimate of the time that is left.
                while !seen.contains(where: { $0.contains("ETA") }) {
                    valve.release(bytes: 4_000)
                    seen = try await terminal.settledLines()
                }
                Self.check(seen, columns: columns)
                valve.open()
                while !(try await terminal.lines().contains("status 0")) {}
                let last = try await terminal.lines()
                #expect(!last.contains { $0.contains("ETA") || $0.contains("━") || $0.contains("%") }, "\(last)")
                #expect(last.contains { $0.hasPrefix("Sync Summary") })
                try await terminal.stop()
            } catch {
                try await terminal.stop()
                throw error
            }
        }
    }

    private static func check(_ lines: [String], columns: Int) {
        let text = lines.joined(separator: "\n")
        let bars = lines.filter { $0.contains("%") }
        // The registry takes two at a time; the small config may still be on its way beside them.
        #expect((1...3).contains(bars.count), "\(text)")
        #expect(columns < 60 || bars.contains { $0.contains("/2.9 MiB") }, "\(text)")
        for bar in bars {
            #expect(bar.contains("━") || bar.contains("─"), "\(text)")
            #expect(bar.hasSuffix("%") && bar.contains(":1 "), "\(text)")
        }
        #expect(lines.allSatisfy { $0.unicodeScalars.count < columns }, "\(text)")
        let total = lines.last { !$0.isEmpty } ?? ""
        #expect(total.hasPrefix("0 of 1 tag · ") && total.contains("iB/s · ") && total.contains("ETA "), "\(text)")
    }

    @Test("A run whose output is piped writes no control character", arguments: [["TERM": "xterm-256color"], [:]])
    func piped(environment: [String: String]) async throws {
        try await Mirror.with { mirror async throws in
            let result = try await mirror.workspace.run("sync", environment: environment)
            #expect(result.status == 0)
            let controls = (result.output + result.errors).unicodeScalars.filter {
                $0 != "\n" && ($0.value < 0x20 || (0x7F...0x9F).contains($0.value))
            }
            #expect(controls.isEmpty)
            #expect(result.lines.first?.hasPrefix("Sync Summary") == true)
        }
    }
}

/// One pane of a tmux server of its own.
private struct TerminalRecording: Sendable {
    let columns: Int
    let rows: Int
    let workspace: Workspace
    private let socket = "imglife-\(UInt64.random(in: .min ... .max))"

    init(columns: Int, rows: Int, workspace: Workspace) {
        self.columns = columns
        self.rows = rows
        self.workspace = workspace
    }

    /// Runs a shell's command line in the pane, which stays when that has ended.
    func start(_ command: String) async throws {
        let environment = ["imglife": Workspace.program, "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8"]
        let result = try await workspace.launch(
            tmux("-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "\(command); cat"),
            environment: environment
        )
        #expect(result.status == 0, "\(result.errors)")
    }

    /// What is on the screen, without blanks at the ends of lines.
    func lines() async throws -> [String] {
        try await workspace.launch(tmux("capture-pane", "-p")).output
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The same, once it is still: tmux may have taken in only a part of what was written at once.
    func settledLines() async throws -> [String] {
        var lines = try await lines()
        while true {
            let again = try await self.lines()
            if again == lines { return lines }
            lines = again
        }
    }

    func stop() async throws {
        _ = try await workspace.launch(tmux("kill-server"))
    }

    private func tmux(_ arguments: String...) -> [String] {
        ["tmux", "-u", "-S", "\(workspace.path)/\(socket)"] + arguments
    }
}
