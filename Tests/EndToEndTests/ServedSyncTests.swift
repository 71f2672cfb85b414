import OCI
import TestSupport
import Testing

/// `serve --sync-every`: one process that mirrors and serves.
@Suite(.timeLimit(.minutes(10)))
struct ServedSyncTests {
    private static let script = """
        "$imglife" serve --listen 127.0.0.1:0 --sync-every 1s 2>log.txt & pid=$!
        until_log() { for i in $(seq 600); do [ "$(grep -c "$1" log.txt)" -ge "$2" ] && return; sleep 0.05; done; cat log.txt >&2; }
        until_log 'sync ended' 2
        address=$(sed -n 's/.*listening.*address=\\([0-9.:]*\\).*/\\1/p' log.txt)
        curl -s "http://$address/metrics" | grep imglife_sync
        echo 'broken: yes' >imglife.yaml; kill -HUP $pid; until_log 'the old one stays' 1
        kill -TERM $pid; began=$(date +%s%N); wait $pid; status=$?
        echo "ended after $(( ($(date +%s%N) - began) / 1000000 )) with $status"
        """

    @Test("It syncs again and again, tells /metrics, keeps the old configuration, and ends soon")
    func syncs() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Entry("127.0.0.1:9/a", to: "127.0.0.1:9/b", "tag: '1'"))
            let result = try await workspace.shell(Self.script, environment: ["IMGLIFE_RETRY_ATTEMPTS": "1"])
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.output.contains("imglife_sync_tags{status=\"failed\"} 1"), "\(result.errors) \(log)")
            #expect(result.output.contains("imglife_sync_last_run_success 0"))
            #expect(log.contains("managed=1") && log.contains("errors=1"))
            let words = try #require(result.lines.last).split(separator: " ")
            #expect(words.last == "0", "\(log)")
            // At once, where nothing else keeps the processors busy.
            #expect(try #require(words.count > 2 ? Int(words[2]) : nil) < 10_000)
        }
    }

    @Test(
        "After a restart /metrics tells at once how the last run ended, and of an earlier success after one that failed"
    )
    func restarts() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "a", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(registry.place("a"), to: registry.place("b"), "tag: '1'")
                )
                let script = """
                    until_it() { for i in $(seq 600); do eval "$1" && return; sleep 0.05; done; }
                    tells() { curl -s "http://$address/metrics" >now.txt; grep -q "^imglife_sync_last_run_success $1" now.txt; }
                    serves() {
                      rm -f log.txt; "$imglife" serve --listen 127.0.0.1:0 --sync-every $1 2>log.txt & pid=$!
                      until_it 'grep -qs listening log.txt'
                      address=$(sed -n 's/.*listening.*address=\\([0-9.:]*\\).*/\\1/p' log.txt)
                      until_it "tells $2"; until_it 'grep -q ended var/cache/schedule.json'; kill $pid; wait $pid
                      sed -n 's/^imglife_sync_last_\\(run_success\\|success_timestamp_seconds\\) /\\1 /p' now.txt
                    }
                    serves 1h 1; serves 1h 1; sed -i "s/tag: '1'/tag: '2'/" imglife.yaml; serves 1s 0
                    """
                let result = try await workspace.shell(script, environment: ["IMGLIFE_RETRY_ATTEMPTS": "1"])
                let lines = result.lines
                try #require(lines.count == 6, "\(result.output) \(result.errors)")
                #expect([lines[0], lines[2], lines[4]] == ["run_success 1", "run_success 1", "run_success 0"])
                #expect(
                    lines[1].hasPrefix("success_timestamp_seconds 1") && Set([lines[1], lines[3], lines[5]]).count == 1
                )
            }
        }
    }

    @Test("It refreshes end-of-life data as a sync does, and tells how many tags are past their end")
    func lifecycle() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "alpine", tag: "3.18.1")
            let rows = #"[{"cycle": "3.18", "eol": "2025-05-09", "latest": "3.18.12"}]"#
            registry.script(RequestMatch("GET", .exactly("/api/alpine.json"), times: nil), .reply(.json(200, rows)))
            try await Workspace.with { workspace async throws in
                let tracking = "lifecycle: {product: alpine, track: minor}"
                let entry = Entry(registry.place("alpine"), to: registry.place("b"), "tag_regex: '^3'", tracking)
                try workspace.configure("lifecycle: {eol_url: '\(registry.url)'}\nsync:\n  entries:\n" + entry.text)
                let script = """
                    "$imglife" serve --listen 127.0.0.1:0 --sync-every 1h 2>log.txt & pid=$!
                    for i in $(seq 600); do grep -q 'sync ended' log.txt && break; sleep 0.05; done
                    kill $pid; wait $pid; ls eol-data.yaml
                    """
                let result = try await workspace.shell(script)
                let log = try Files.text("\(workspace.path)/log.txt")
                #expect(log.contains("end_of_life=1 ending_soon=0"), "\(log)")
                #expect(result.lines == ["eol-data.yaml"], "\(result.errors) \(log)")
                #expect(registry.requests.count { $0.path == "/api/alpine.json" } == 1)
            }
        }
    }

    @Test("What a run has done is told also where the cache's index.json cannot be written")
    func layoutFails() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "a", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("a"), to: registry.place("b"), "tag: '1'"))
                let script = """
                    "$imglife" sync >/dev/null; rm var/cache/index.json; mkdir var/cache/index.json
                    "$imglife" serve --listen 127.0.0.1:0 --sync-every 1s 2>log.txt & pid=$!
                    for i in $(seq 600); do grep -q 'not looked after' log.txt && break; sleep 0.05; done
                    address=$(sed -n 's/.*listening.*address=\\([0-9.:]*\\).*/\\1/p' log.txt)
                    curl -s "http://$address/metrics" | grep imglife_sync; kill $pid; wait $pid
                    """
                let result = try await workspace.shell(script)
                let log = try Files.text("\(workspace.path)/log.txt")
                #expect(log.contains("sync ended") && log.contains("index.json"), "\(log)")
                #expect(result.output.contains("imglife_sync_tags{status=\"up_to_date\"} 1"), "\(result.output) \(log)")
                #expect(result.output.contains("imglife_sync_last_run_success 0"))
            }
        }
    }

    @Test("A hook that failed is told on the page, and is no tag that failed")
    func hookFails() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "a", tag: "1")
            try await Workspace.with { workspace async throws in
                let entry = Entry(registry.place("a"), to: registry.place("b"), "tag: '1'")
                try workspace.configure("sync:\n  hooks: {post_sync: [{cmd: exit 4}]}\n  entries:\n" + entry.text)
                let script = """
                    "$imglife" serve --listen 127.0.0.1:0 --sync-every 1h 2>log.txt & pid=$!
                    for i in $(seq 600); do grep -q 'sync ended' log.txt && break; sleep 0.05; done
                    address=$(sed -n 's/.*listening.*address=\\([0-9.:]*\\).*/\\1/p' log.txt)
                    for i in $(seq 100); do
                      curl -s "http://$address/" | grep -q 'exit code 4' && echo told && break; sleep 0.05
                    done
                    kill $pid; wait $pid
                    """
                let result = try await workspace.shell(script)
                let log = try Files.text("\(workspace.path)/log.txt")
                #expect(log.contains("errors=0") && log.contains("hook_errors=1"), "\(log)")
                #expect(result.lines.first == "told", "\(result.output) \(log)")
            }
        }
    }

    @Test("What its runs have needed can go once they have ended, while the server lives on")
    func letsGo() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "a", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("a"), to: registry.place("b"), "tag: '1'"))
                let script = """
                    "$imglife" serve --listen 127.0.0.1:0 --sync-every 1h 2>log.txt & pid=$!
                    for i in $(seq 600); do grep -q 'sync ended' log.txt && break; sleep 0.05; done
                    "$imglife" cache rm '*' >/dev/null; "$imglife" cache gc --grace 0s; find var/cache/blobs -type f | wc -l
                    kill $pid; wait $pid
                    """
                let result = try await workspace.shell(script)
                let log = try Files.text("\(workspace.path)/log.txt")
                #expect(log.contains("managed=1 synced=1"), "\(log)")
                #expect(result.lines.last == "0", "\(result.output) \(result.errors)")
            }
        }
    }

    @Test("A mirror's configuration without entries is read again as well; one that is gone is no empty one")
    func pureMirror() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure("registries:\n  '127.0.0.1:9': {plain_http: true}\n")
            let script = """
                "$imglife" serve --listen 127.0.0.1:0 --pull-through 2>log.txt & pid=$!
                until_log() { for i in $(seq 600); do grep -q "$1" log.txt && return; sleep 0.05; done; }
                until_log listening; printf 'cache: {max_size: 1MiB}\n' >>imglife.yaml; kill -HUP $pid
                until_log 'what begins from now follows it'; rm imglife.yaml; kill -HUP $pid
                until_log 'the old one stays'; kill $pid; wait $pid; echo $?
                """
            let result = try await workspace.shell(script)
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.lines == ["0"], "\(log)")
            #expect(log.contains("what begins from now follows it") && log.contains("the old one stays"), "\(log)")
            #expect(!log.contains("is invalid"), "\(log)")
        }
    }

    @Test(
        "A configuration that came from standard input, or is empty for a moment, stays as it was",
        arguments: [true, false]
    )
    func unreadable(isPiped: Bool) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure("registries:\n  '127.0.0.1:9': {plain_http: true}\n")
            let script = """
                "$imglife" serve -c \(isPiped ? "- <imglife.yaml" : "imglife.yaml") --listen 127.0.0.1:0 --pull-through 2>log.txt & pid=$!
                until_log() { for i in $(seq 600); do grep -q "$1" log.txt && return; sleep 0.05; done; }
                until_log listening; : >imglife.yaml; kill -HUP $pid; until_log 'the old one stays'; kill $pid; wait $pid; echo $?
                """
            let result = try await workspace.shell(script)
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.lines == ["0"], "\(log)")
            #expect(log.contains("the old one stays") && !log.contains("follows it"), "\(log)")
        }
    }

    @Test("Without a schedule what is pulled through follows what HUP reads as well, and nothing that is broken")
    func pulledThrough() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Entry("127.0.0.1:9/a", to: "127.0.0.1:9/b", "tag: '1'"))
            let script = """
                "$imglife" serve --listen 127.0.0.1:0 --pull-through 2>log.txt & pid=$!
                until_log() { for i in $(seq 600); do grep -q "$1" log.txt && return; sleep 0.05; done; }
                until_log listening; printf 'cache: {max_size: 1MiB}\n' >>imglife.yaml; kill -HUP $pid
                until_log 'what begins from now follows it'; echo 'broken: yes' >imglife.yaml; kill -HUP $pid
                until_log 'the old one stays'; kill $pid; wait $pid; echo $?
                """
            let result = try await workspace.shell(script)
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.lines == ["0"], "\(log)")
            #expect(log.contains("what begins from now follows it") && log.contains("the old one stays"), "\(log)")
        }
    }

    @Test("Without a configuration it is refused")
    func refused() async throws {
        try await Workspace.with { workspace async throws in
            let options = ["serve", "--cache-dir", "cache", "--listen", "127.0.0.1:0", "--sync-every", "1h"]
            let result = try await workspace.launch([Workspace.program] + options)
            #expect(result.status == 78)
            #expect(result.errors.contains("there is no configuration at 'imglife.yaml'"), "\(result.errors)")
        }
    }
}
