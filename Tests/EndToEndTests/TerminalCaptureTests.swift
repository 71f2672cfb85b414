import OCI
import TestSupport
import Testing

/// What a person sees in the commonest incidents, in terminals of two widths.
@Suite(.timeLimit(.minutes(10)), .requires(.tool("tmux")))
struct TerminalCaptureTests {
    /// Runs `sync` in a terminal and hands its screen to a body.
    private static func recording(
        _ mirror: Mirror,
        columns: Int,
        arguments: String = "",
        _ body: (TerminalRecording) async throws -> Void
    ) async throws {
        let terminal = TerminalRecording(columns: columns, rows: 45, workspace: mirror.workspace)
        // The shell outlives the signal that a person's keys send to both.
        try await terminal.start("trap : INT; \"$imglife\" sync \(arguments); echo \"status $?\"")
        do {
            try await body(terminal)
            try await terminal.stop()
        } catch {
            try await terminal.stop()
            throw error
        }
    }

    /// A hundred tags, each an image of its own.
    private static func loadHundred(_ mirror: Mirror) throws {
        for number in 0..<100 {
            let tag = try TagName("10.\(number).0")
            mirror.upstream.load(.image(labels: ["n": "\(number)"]), repository: "up/app", tag: tag)
        }
        let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag_regex: '^10'")
        try mirror.workspace.configure(entry)
    }

    @Test("A slow run shows what is on its way, how far it is, and the whole", arguments: [80, 120])
    func slow(columns: Int) async throws {
        try await Mirror.with(.multiPlatform(layerSize: 2 << 20)) { mirror async throws in
            let valve = Valve(bytes: 1 << 20)
            mirror.upstream.script(RequestMatch("GET", .blobs, times: nil), .trickle(valve))
            let capture = ScreenCapture("slow", columns: columns, mirror)
            try await Self.recording(mirror, columns: columns) { terminal in
                let seen = try await terminal.lines { $0.contains(" ETA ") || $0.contains("no answer") }
                #expect(seen.count { $0.contains("━") && $0.hasSuffix(" 50%") } == 2, "\(seen)")
                try capture.expect(seen)
                valve.open()
                _ = try await terminal.lines { $0 == "status 0" }
            }
        }
    }

    @Test("A host that does not answer is named, with how long it has been waited for", arguments: [80, 120])
    func hangingHost(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            let gate = Gate()
            mirror.upstream.script(RequestMatch("GET", .manifests), .holdHead(gate))
            let capture = ScreenCapture("hanging-host", columns: columns, mirror)
            let waiting = "waiting for \(mirror.upstream.host): no answer for"
            try await Self.recording(mirror, columns: columns) { terminal in
                // On a loaded machine others are waited for as well before.
                let seen = try await terminal.lines { $0.contains(waiting) }
                try capture.expect(seen)
                gate.open()
                let last = try await terminal.lines { $0 == "status 0" }
                #expect(!last.contains { $0.contains("waiting") })
            }
        }
    }

    @Test("A host that wants a pause is told of once, and named while it lasts", arguments: [80, 120])
    func rateLimited(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            let limit = Action.error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "40"])
            mirror.upstream.script(RequestMatch("GET", .manifests, times: nil), limit)
            let capture = ScreenCapture("rate-limited", columns: columns, mirror)
            let end = ScreenCapture("interrupted", columns: columns, mirror)
            try await Self.recording(mirror, columns: columns) { terminal in
                let seen = try await terminal.lines { $0.contains("s left") }
                try capture.expect(seen)
                try await terminal.type("C-c")
                let last = try await terminal.lines { $0 == "status 130" }
                let summary = Array(last.drop { !$0.hasPrefix("Sync Summary") })
                try end.expect(summary)
            }
        }
    }

    @Test("Of 100 tags of which 30 fail a screen of 40 lines tells all, each reason once", arguments: [80, 120])
    func thirtyFail(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            try Self.loadHundred(mirror)
            for number in 0..<30 {
                mirror.upstream.script(RequestMatch("GET", .manifest("10.\(number).0"), times: nil), .status(403))
            }
            let capture = ScreenCapture("thirty-fail", columns: columns, mirror)
            try await Self.recording(mirror, columns: columns) { terminal in
                let seen = try await terminal.lines { $0 == "status 1" }
                try capture.expect(seen)
            }
        }
    }

    @Test("A dry run over 100 tags fits on a screen", arguments: [80, 120])
    func dryRun(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            try Self.loadHundred(mirror)
            let capture = ScreenCapture("dry-run", columns: columns, mirror)
            try await Self.recording(mirror, columns: columns, arguments: "--dry-run") { terminal in
                let seen = try await terminal.lines { $0 == "status 0" }
                try capture.expect(seen)
            }
        }
    }
}
