import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Entries that fail beside one that does not: one clear line each, exit 1, and the rest is done.
@Suite(.timeLimit(.minutes(10)))
struct FailureTests {
    /// Runs one entry that is in order and one that is not.
    private static func failing(
        _ entry: (ScriptedRegistry) -> Entry,
        head: String = "",
        environment: [String: String] = [:],
        check: (ToolResult, ScriptedRegistry) throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(.image(), repository: "up/app", tag: "1.0.0")
            try await Workspace.with { workspace async throws in
                let good = Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: 1.0.0")
                try workspace.configure(entry(registry), good, head: head)
                let result = try await workspace.run("sync", environment: environment)
                #expect(result.status == 1)
                #expect(result.counts == [2, 1, 0, 1], "\(result.output)")
                #expect(result.failures.count == 1)
                #expect(result.errorLines.filter { $0.contains(" ERROR ") }.count == 1)
                #expect(registry.store.digest(of: "1.0.0", in: "down/app") != nil)
                try check(result, registry)
            }
        }
    }

    @Test("A missing tag")
    func missingTag() async throws {
        try await Self.failing {
            Entry($0.place("up/app"), to: $0.place("down/other"), "tag: '9.9'")
        } check: { result, registry in
            #expect(result.failures.first?.contains("\(registry.place("up/app")) has no tag '9.9'") == true)
        }
    }

    @Test("A missing repository", arguments: ["tag: '1'", Entry.all])
    func missingRepository(_ selection: String) async throws {
        try await Self.failing {
            Entry($0.place("no/such"), to: $0.place("down/other"), selection)
        } check: { result, registry in
            #expect(result.failures.first?.contains(registry.place("no/such")) == true)
        }
    }

    @Test("A host that refuses connections, as source and as target", arguments: [true, false])
    func refusedConnection(_ isSource: Bool) async throws {
        // Port 1 is nobody's.
        try await Self.failing {
            isSource
                ? Entry("127.0.0.1:1/a", to: $0.place("down/other"), Entry.all)
                : Entry($0.place("up/app"), to: "127.0.0.1:1/a", "tag: 1.0.0")
        } check: { result, _ in
            let line = try #require(result.failures.first)
            #expect(line.contains("127.0.0.1:1/a: cannot ") && line.contains("refused"), "\(line)")
        }
    }

    @Test(
        "A wrong password names the user and the variables, not the password",
        .requires(.tool("docker-registry"), .tool("htpasswd"))
    )
    func wrongPassword() async throws {
        try await ExternalRegistry.with(htpasswd: ("me", "right")) { target async throws in
            let prefix = "IMGLIFE_127_0_0_1_\(target.host.port ?? 0)"
            let credentials = ["\(prefix)_USERNAME": "me", "\(prefix)_PASSWORD": "wr0ng-w0rd"]
            try await Self.failing(
                {
                    Entry($0.place("up/app"), to: target.place("a"), "tag: 1.0.0")
                },
                environment: credentials
            ) { result, _ in
                let line = try #require(result.failures.first)
                #expect(line.contains("'me'") && line.contains("\(prefix)_USERNAME"), "\(line)")
                #expect(!(result.errors + result.output).contains("wr0ng-w0rd"))
            }
        }
    }

    @Test("An authority that nobody trusts", .requires(.tool("openssl")))
    func unknownAuthority() async throws {
        let certificates = try await TestCertificates.shared()
        try await ScriptedRegistry.with(tls: certificates.server) { target async throws in
            try await Self.failing {
                Entry($0.place("up/app"), to: target.place("a"), "tag: 1.0.0")
            } check: { result, _ in
                let line = try #require(result.failures.first)
                #expect(line.contains("certificate") && line.contains("ca_file"), "\(line)")
            }
        }
    }

    @Test("A Docker schema 1 manifest is refused with the reason, and the other tags are copied")
    func schema1() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let old = #"{"schemaVersion":1,"name":"up/old","tag":"1","fsLayers":[],"history":[],"signatures":[]}"#
            registry.store.put(
                .init(string: old),
                as: "application/vnd.docker.distribution.manifest.v1+prettyjws",
                in: "up/old",
                tag: "1"
            )
            registry.load(.image(), repository: "up/old", tag: "2")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/old"), to: registry.place("down/old"), Entry.all))
                let result = try await workspace.run("sync")
                #expect(result.status == 1)
                #expect(result.counts == [2, 1, 0, 1])
                #expect(result.failures.first?.contains("schema 1") == true, "\(result.failures)")
                #expect(registry.store.tags(of: "down/old").keys.map(\.self) == ["2"])
            }
        }
    }
}

/// A cache that cannot be used, and a standard output that cannot be written.
@Suite(.timeLimit(.minutes(10)))
struct LocalFailureTests {
    private static func with(_ body: (Workspace, ScriptedRegistry) async throws -> Void) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(.image(), repository: "up/app", tag: "1.0.0")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
                try await body(workspace, registry)
            }
        }
    }

    @Test(
        "A cache directory that cannot be one is one clear line",
        arguments: [("imglife.yaml", "not a directory"), ("imglife.yaml/cache", "not a directory"), ("link", "loop")]
    )
    func notADirectory(_ path: String, _ text: String) async throws {
        try await Self.with { workspace, registry async throws in
            _ = try await workspace.shell("ln -s link link")
            let result = try await workspace.run("sync", "--cache-dir", path)
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.errorLines.count == 1, "\(result.errors)")
            #expect(result.errors.lowercased().contains("\(path)") && result.errors.contains("cannot open the cache"))
            #expect(registry.count("PUT") == 0)
        }
    }

    /// Root, too, without the capabilities that let it pass.
    private static let unprivileged =
        geteuid() == 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] : []

    @Test(
        "A cache directory without permission is one clear line",
        // setpriv takes root's privileges away.
        .requires(.tool("setpriv")),
        arguments: ["0000", "0500"]
    )
    func noPermission(_ mode: String) async throws {
        try await Self.with { workspace, registry async throws in
            _ = try await workspace.shell("mkdir locked && chmod \(mode) locked")
            let command = Self.unprivileged + [Workspace.program, "sync", "--cache-dir", "locked"]
            let result = try await workspace.launch(command)
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.errorLines.count == 1, "\(result.errors)")
            #expect(result.errors.contains("locked"))
            #expect(registry.count("PUT") == 0)
            _ = try await workspace.shell("chmod 700 locked")
        }
    }

    /// The pipe's reader has opened and closed it before the program starts.
    private static let brokenPipe =
        "mkfifo p; (exec 3<p; exec 3<&-) & exec 4>p; wait; \"$imglife\" sync >&4"

    @Test(
        "A standard output that cannot be written is an error, not a crash",
        arguments: [
            "\"$imglife\" sync >/dev/full", "\"$imglife\" sync --list >/dev/full", "\"$imglife\" sync >&-",
            "\"$imglife\" --check >/dev/full", "\"$imglife\" --help >/dev/full", "\"$imglife\" --version >/dev/full",
            "\"$imglife\" help environment >/dev/full", Self.brokenPipe,
        ]
    )
    func outputFails(_ command: String) async throws {
        try await Self.with { workspace, _ async throws in
            let result = try await workspace.shell(command)
            #expect(result.status == 1, "\(result.errors)")
            #expect(result.errorLines.last?.hasPrefix("error: cannot write to standard output: ") == true)
        }
    }

    @Test(
        "Whoever has seen enough of a help or a list goes away, which is no error",
        arguments: [
            "--help", "sync --list", "sync --list --output json", "cache ls", "cache ls --output json", "plan",
            "cache stats",
            "cache verify", "cache gc", "cache gc --dry-run --output json",
        ]
    )
    func listIsCut(_ command: String) async throws {
        try await Self.with { workspace, _ async throws in
            #expect(try await workspace.run("sync").status == 0)
            let pipe = Self.brokenPipe.replacing("sync", with: command)
            let result = try await workspace.shell(pipe)
            #expect(result.status == 0 && result.errors.isEmpty)
        }
    }

    @Test("What is opened later never takes the place of a closed standard output")
    func closedOutput() async throws {
        try await Self.with { workspace, _ async throws in
            let result = try await workspace.shell("\"$imglife\" sync <&- >&-")
            #expect(result.status == 1)
            #expect(result.errorLines.last == "error: cannot write to standard output: Bad file descriptor")
        }
    }

    @Test("What a run has done is told also where the cache's index.json cannot be written")
    func layoutFails() async throws {
        try await Self.with { workspace, _ async throws in
            #expect(try await workspace.run("sync").status == 0)
            let script = "rm var/cache/index.json; mkdir var/cache/index.json; \"$imglife\" sync --metrics-file m.prom"
            let result = try await workspace.shell(script)
            #expect(result.status == 1)
            #expect(try Files.text("\(workspace.path)/m.prom").contains("imglife_sync_last_run_success 0\n"))
            #expect(result.output.hasPrefix("Sync Summary · "))
            #expect(result.errorLines.last?.contains("index.json") == true, "\(result.errors)")
        }
    }

    @Test("A run's figures are there also where its report cannot be written")
    func measured() async throws {
        try await Self.with { workspace, _ async throws in
            let full = try await workspace.shell("\"$imglife\" sync --metrics-file m.prom >/dev/full")
            #expect(full.status == 1)
            #expect(try Files.text("\(workspace.path)/m.prom").contains("imglife_sync_last_run_success 1\n"))
        }
    }

    @Test(
        "The figures tell also of a run that failed before it could do anything",
        arguments: ["rm -r var/cache; echo x >var/cache", "echo 'sync: {entries: [{source: x}]}' >imglife.yaml"]
    )
    func measuredFailure(trouble: String) async throws {
        try await Self.with { workspace, _ async throws in
            let sync = "\"$imglife\" sync --metrics-file m.prom"
            #expect(try await workspace.shell(sync).status == 0)
            #expect(try await workspace.shell("\(trouble); \(sync)").status != 0)
            let text = try Files.text("\(workspace.path)/m.prom")
            #expect(text.contains("imglife_sync_last_run_success 0\n"))
            #expect(text.contains("imglife_sync_last_success_timestamp_seconds"))
        }
    }

    @Test("A reader that takes the first line alone gets it")
    func head() async throws {
        try await Self.with { workspace, _ async throws in
            let result = try await workspace.shell("\"$imglife\" sync | head -1")
            #expect(result.output.hasPrefix("Sync Summary · "))
            #expect(result.lines.count == 1)
        }
    }
}
