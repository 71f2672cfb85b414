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
