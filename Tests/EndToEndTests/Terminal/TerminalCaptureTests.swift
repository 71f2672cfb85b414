import OCI
import TestSupport
import Testing

/// What a person sees in the commonest incidents, in terminals of two widths.
@Suite(.timeLimit(.minutes(3)), .requires(.tool("tmux")))
struct TerminalCaptureTests {
    private static let source = "quay.io/team/app"
    private static let target = "registry.example.com/mirrors/app"

    /// Runs `imglife` in a terminal and hands its screen to a body; the registries have names, of which none is longer in
    /// one run than in another.
    private static func recording(
        _ mirror: Mirror,
        columns: Int,
        _ command: String = "sync",
        tags: String = "tag: '1'",
        _ body: (TerminalRecording) async throws -> Void
    ) async throws {
        let registries =
            "  quay.io: {endpoint: '\(mirror.upstream.url)'}\n"
            + "  registry.example.com: {endpoint: '\(mirror.target.url)'}\n"
        let entry = Entry(source, to: target, tags)
        try mirror.workspace.configure(entry, head: "registries:\n\(registries)")
        var workspace = mirror.workspace
        // One after the other, so that the order is always the same.
        workspace.environment["IMGLIFE_SYNC_PARALLELISM"] = "1"
        let terminal = TerminalRecording(columns: columns, rows: 45, workspace: workspace)
        // The shell outlives the signal that a person's keys send to both.
        try await terminal.start("trap : INT; \"$imglife\" \(command); echo \"status $?\"")
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
            mirror.upstream.load(.image(labels: ["n": "\(number)"]), repository: "team/app", tag: tag)
        }
    }

    @Test("A slow run shows what is on its way, how far it is, and the whole", arguments: [80, 120])
    func slow(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            let layers = (1...3).map { SampleImage.Layer(seed: $0, size: 2 << 20) }
            mirror.upstream.load(.image(layers: layers), repository: "team/app", tag: "1")
            let valve = Valve(bytes: 1 << 20)
            mirror.upstream.script(RequestMatch("GET", .blobs, times: nil), .trickle(valve))
            try await Self.recording(mirror, columns: columns) { terminal in
                let seen = try await terminal.screen { lines in
                    lines.count { $0.firstMatch(of: /MiB +[0-9]{2}%$/) != nil } == 3
                        && lines.count { $0.hasPrefix("app:1 ") } == 3
                        && lines.contains { $0.contains(" of 1 tag · ") && $0.contains(" MiB · ") }
                }
                try Screen(name: "slow", columns: columns).expect(seen)
                valve.open()
                _ = try await terminal.lines { $0 == "status 0" }
            }
        }
    }

    @Test("A host that does not answer is named, with how long it has been waited for", arguments: [80, 120])
    func hangingHost(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            mirror.upstream.load(.image(), repository: "team/app", tag: "1")
            let gate = Gate()
            mirror.upstream.script(RequestMatch("GET", .manifests), .holdHead(gate))
            try await Self.recording(mirror, columns: columns) { terminal in
                // On a loaded machine others are waited for as well before.
                let seen = try await terminal.lines {
                    $0.contains("waiting for quay.io: no answer for")
                }
                try Screen(name: "hanging-host", columns: columns).expect(seen)
                gate.open()
                try Screen(name: "answered", columns: columns).expect(try await terminal.lines { $0 == "status 0" })
            }
        }
    }

    @Test("A host that wants a pause is told of once, and named while it lasts", arguments: [80, 120])
    func rateLimited(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            let limit = Action.error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "40"])
            mirror.upstream.script(RequestMatch("GET", .manifests, times: nil), limit)
            try await Self.recording(mirror, columns: columns) { terminal in
                try Screen(name: "rate-limited", columns: columns)
                    .expect(try await terminal.lines { $0.contains("s left") })
                try await terminal.type("C-c")
                try Screen(name: "interrupted", columns: columns)
                    .expect(try await terminal.lines { $0 == "status 130" })
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
            try await Self.recording(mirror, columns: columns, tags: "tag_regex: '^10'") { terminal in
                let seen = try await terminal.lines { $0 == "status 1" }
                try Screen(name: "thirty-fail", columns: columns).expect(seen)
            }
        }
    }

    @Test("Failures that are tried again fit on that screen as well: of like warnings the first few are shown")
    func thirtyRetried() async throws {
        try await Mirror.with { mirror async throws in
            try Self.loadHundred(mirror)
            for number in 0..<30 {
                mirror.upstream.script(RequestMatch("GET", .manifest("10.\(number).0"), times: nil), .status(500))
            }
            try await Self.recording(mirror, columns: 80, tags: "tag_regex: '^10'") { terminal in
                let seen = try await terminal.screen { $0.contains("status 1") }
                #expect(seen.count <= 40, "\(seen)")
                #expect(seen.count { $0.contains("WARNING trying again") } == 4, "\(seen)")
                let text = seen.joined(separator: " ").replacing(/\ +/, with: " ")
                #expect(text.matches(of: /more like 'trying again' are not shown here; '-v' shows all/).count == 1)
                #expect(text.contains("after 3 tries: 10.29.0, 10.28.0,"), "\(seen)")
            }
        }
    }

    @Test("A list of the cache shows names whole, and figures within the width", arguments: [40, 50])
    func narrowList(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            mirror.upstream.load(.image(), repository: "team/app", tag: "1")
            try await Self.recording(mirror, columns: columns, "sync -q >synced; \"$imglife\" cache ls") { terminal in
                let seen = try await terminal.screen { $0.contains("status 0") }
                #expect(seen.count == 4 && seen[1] == "quay.io/team/app:1", "\(seen)")
                #expect(seen[2].hasPrefix("     ") && seen[2].contains(" B  20"), "\(seen)")
            }
        }
    }

    @Test("A plan and a dry run over 100 tags fit on a screen", arguments: ["plan", "dry-run"], [80, 120])
    func beforehand(name: String, columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            try Self.loadHundred(mirror)
            let command = name == "plan" ? "plan --read-manifests" : "sync --dry-run"
            try await Self.recording(mirror, columns: columns, command, tags: "tag_regex: '^10'") { terminal in
                let seen = try await terminal.lines { $0 == "status 0" }
                try Screen(name: name, columns: columns).expect(seen)
            }
        }
    }
}
