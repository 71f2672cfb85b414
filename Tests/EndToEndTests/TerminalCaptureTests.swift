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
        rows: Int = 40,
        _ body: (TerminalRecording) async throws -> Void
    ) async throws {
        let terminal = TerminalRecording(columns: columns, rows: rows, workspace: mirror.workspace)
        // The shell outlives the signal that a person's keys send to both.
        try await terminal.start("trap : INT; \"$imglife\" sync; echo \"status $?\"")
        do {
            try await body(terminal)
            try await terminal.stop()
        } catch {
            try await terminal.stop()
            throw error
        }
    }

    /// A screen without what differs from run to run.
    private static func plain(_ lines: [String], _ mirror: Mirror) -> String {
        lines.map { line in
            line.replacing(mirror.upstream.host.description, with: "SOURCE")
                .replacing(mirror.target.host.description, with: "TARGET")
                .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/, with: "TIME")
                .replacing(/\b[0-9]+m[0-9]{2}s|\b[0-9]+(\.[0-9])?s/, with: "#s")
                .replacing(/[0-9.]+ ([KM]i)?B/, with: "# B")
        }
        .joined(separator: "\n")
    }

    @Test("A host that does not answer is named, with how long it has been waited for", arguments: [80, 120])
    func hangingHost(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            let gate = Gate()
            mirror.upstream.script(RequestMatch("GET", .manifests), .holdHead(gate))
            try await Self.recording(mirror, columns: columns) { terminal in
                // On a loaded machine others are waited for as well before.
                let waiting = "waiting for \(mirror.upstream.host): no answer for"
                let seen = try await terminal.lines { $0.contains(waiting) }
                #expect(Self.plain(seen, mirror) == "0 of 1 tag · waiting for SOURCE: no answer for #s · #s")
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
            try await Self.recording(mirror, columns: columns) { terminal in
                let seen = try await terminal.lines { $0.contains("s left") }
                let plain = Self.plain(seen, mirror).replacing("\n", with: "")
                #expect(plain.hasSuffix("0 of 1 tag · waiting for SOURCE: 429 TOOMANYREQUESTS, #s left · #s"))
                #expect(plain.replacing(" ", with: "").split(separator: "wantsnorequests").count == 2, "\(plain)")
                try await terminal.type("C-c")
                let last = try await terminal.lines { $0 == "status 130" }
                let summary = Self.plain(Array(last.drop { !$0.hasPrefix("Sync Summary") }), mirror)
                #expect(
                    summary == """
                        Sync Summary · #s
                        ───────────────────────────────────
                        Mirror images managed             0
                        ├─ Synced                         0
                        ├─ Up-to-date                     0
                        └─ Errors                         0
                        Downloaded # B · from cache # B · mounted # B · pushed # B
                        Interrupted: 1 tag not finished; the next run goes on
                        status 130
                        """
                )
            }
        }
    }

    @Test("Of 100 tags of which 30 fail a screen of 40 lines tells all, each reason once", arguments: [80, 120])
    func thirtyFail(columns: Int) async throws {
        try await Mirror.with { mirror async throws in
            for number in 0..<100 {
                let tag = try TagName("10.\(number).0")
                mirror.upstream.load(.image(labels: ["n": "\(number)"]), repository: "up/app", tag: tag)
                guard number < 30 else { continue }
                mirror.upstream.script(RequestMatch("GET", .manifest("\(tag)"), times: nil), .status(403))
            }
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag_regex: '^10'")
            try mirror.workspace.configure(entry)
            try await Self.recording(mirror, columns: columns) { terminal in
                let seen = try await terminal.lines { $0 == "status 1" }
                #expect(seen.count <= 40)
                let summary = try #require(seen.firstIndex { $0.hasPrefix("Sync Summary") })
                #expect(seen[..<summary].count == 12)
                #expect(seen[..<summary].allSatisfy { $0.hasPrefix("✓ app:10.") })
                let plain = Self.plain(Array(seen[summary...]), mirror)
                // Where a line is folded a blank may be lost.
                let told = plain.replacing("\n", with: "").replacing(" ", with: "")
                #expect(
                    told.hasPrefix(
                        """
                        Sync Summary · #s
                        ───────────────────────────────────
                        Mirror images managed           100
                        ├─ Synced                        70
                        ├─ Up-to-date                     0
                        └─ Errors                        30
                        Downloaded # B · from cache # B · mounted # B · pushed # B
                        ✗ 30 tags of sync.entries[0] SOURCE/up/app → TARGET/down/app: SOURCE/up/app: not
                        """.replacing("\n", with: "").replacing(" ", with: "")
                    ),
                    "\(plain)"
                )
                #expect(told.split(separator: "notallowed").count == 2)
                #expect(told.hasSuffix("10.29.0,10.28.0,10.27.0,10.26.0,10.25.0,10.24.0,10.23.0,10.22.0,…status1"))
            }
        }
    }
}
