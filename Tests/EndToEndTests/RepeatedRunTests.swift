import OCI
import TestSupport
import Testing

/// `sync --every` in a process of its own.
@Suite(.timeLimit(.minutes(10)))
struct RepeatedRunTests {
    /// Runs the program's line in a shell that hears of its log, then ends it by a signal.
    private static func script(_ steps: String) -> String {
        """
        "$imglife" sync --every 1s --progress none --metrics-file m.prom >out.txt 2>log.txt & pid=$!
        until_log() { for i in $(seq 600); do [ "$(grep -c "$1" log.txt)" -ge "$2" ] && return; sleep 0.05; done; cat log.txt >&2; }
        \(steps)
        kill -TERM $pid; began=$(date +%s%N); wait $pid; status=$?
        echo "ended after $(( ($(date +%s%N) - began) / 1000000 )) with $status"
        """
    }

    private static let entry = Entry("127.0.0.1:9/a", to: "127.0.0.1:9/b", "tag: '1'")

    @Test("TERM ends the wait in order, soon, and each run is told")
    func terminates() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.entry)
            let variables = ["IMGLIFE_RETRY_ATTEMPTS": "1"]
            let result = try await workspace.shell(Self.script("until_log 'next run' 2"), environment: variables)
            let words = try #require(result.lines.last).split(separator: " ")
            #expect(words.last == "0", "\(result.errors)")
            // At once, where nothing else keeps the processors busy.
            #expect(try #require(Int(words[2])) < 10_000)
            let output = try Files.text("\(workspace.path)/out.txt")
            #expect(output.matches(of: /Sync Summary/).count >= 2)
            #expect(try Files.text("\(workspace.path)/m.prom").contains("imglife_sync_last_run_success 0"))
        }
    }

    @Test("HUP reads the configuration again; a broken one is told, and the old one stays")
    func reloads() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.entry)
            let steps = """
                until_log 'next run' 1
                cp imglife.yaml good.yaml; echo 'sync: {entries: [{source: x}]}' >imglife.yaml; kill -HUP $pid
                until_log 'the old one stays' 1; until_log 'next run' 3
                { echo 'registries: {other.example.com: {ca_file: gone.pem}}'; cat good.yaml; } >imglife.yaml; kill -HUP $pid
                until_log 'the old one stays' 2
                sed 's|9/b|9/changed|' good.yaml >imglife.yaml; kill -HUP $pid
                until_log 'read the configuration again' 1; until_log 'target=127.0.0.1:9/changed' 1
                seen=$(grep -c 'next run' log.txt); until_log 'next run' $((seen + 1))
                """
            let variables = ["IMGLIFE_RETRY_ATTEMPTS": "1"]
            let result = try await workspace.shell(Self.script(steps), environment: variables)
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.lines.last?.hasSuffix("with 0") == true, "\(log)")
            #expect(log.contains("the key 'target' is missing"))
            #expect(log.contains("gone.pem"))
            #expect(log.contains("target=127.0.0.1:9/changed"))
        }
    }

    @Test("A configuration that no run can begin with ends it, and the metrics tell", arguments: ["", "]"])
    func invalid(end: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.entry, head: "registries: {c.io: {ca_file: none.pem\(end)}}\n")
            let result = try await workspace.run("sync", "--every", "6h", "--metrics-file", "m.prom")
            #expect(result.status == 78, "\(result.errors)")
            #expect(try Files.text("\(workspace.path)/m.prom").contains("imglife_sync_last_run_success 0"))
        }
    }

    @Test("Nonsense is bad usage", arguments: [["--every", "1"], ["--every", "10ms"], ["--list", "--every", "1h"]])
    func usage(_ options: [String]) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.entry)
            let result = try await workspace.launch([Workspace.program, "sync"] + options)
            #expect(result.status == 64, "\(result.errors)")
        }
    }
}
