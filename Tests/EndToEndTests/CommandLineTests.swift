import OCI
import TestSupport
import Testing

/// The command lines, against a registry whose two tags nobody has mirrored yet.
@Suite(.timeLimit(.minutes(10)))
struct CommandLineTests {
    private static func with(_ body: (Workspace, ScriptedRegistry) async throws -> Void) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(.image(), repository: "up/app", tag: "1.0.0")
            registry.load(.image(layers: [.init(seed: 3, size: 10)]), repository: "up/app", tag: "1.1.0")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
                try await body(workspace, registry)
            }
        }
    }

    @Test(
        "Options stand before and after the subcommand, with a space or an equals sign",
        arguments: [
            ["sync"],
            ["--log-format", "text", "--log-level", "debug", "sync"],
            ["sync", "--log-format", "text", "--log-level", "debug"],
            ["--log-format=json", "sync", "--log-level=trace"],
            ["sync", "--config=imglife.yaml", "--cache-dir=elsewhere"],
            ["-c", "imglife.yaml", "sync", "--progress=none"],
        ]
    )
    func spellings(_ arguments: [String]) async throws {
        try await Self.with { workspace, registry async throws in
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.counts == [2, 2, 0, 0])
            #expect(registry.store.tags(of: "down/app") == registry.store.tags(of: "up/app"))
            let directory =
                arguments.contains("--cache-dir=elsewhere") ? "\(workspace.path)/elsewhere" : workspace.cache
            #expect(Files.exists("\(directory)/index.json"))
        }
    }

    @Test("An argument that is not UTF-8 is refused: it would name another file")
    func brokenArgument() async throws {
        try await Self.with { workspace, _ async throws in
            let result = try await workspace.shell("\"$imglife\" --cache-dir \"$(printf 'c\\377')\" sync")
            #expect(result.status == 64)
            #expect(result.errors.contains("argument 2") && result.errors.contains("not UTF-8"))
            #expect(try Files.list(workspace.path).filter { $0.hasPrefix("c") }.isEmpty)
        }
    }

    @Test("What is no image is told without the password that it carries")
    func secretArgument() async throws {
        try await Self.with { workspace, _ async throws in
            let result = try await workspace.run("inspect", "https://robot:SEKRET@quay.io/x")
            #expect(result.status == 64 && !result.errors.contains("SEKRET"))
        }
    }

    @Test("A listing prints source and target of each tag, newest first, and asks the source alone")
    func list() async throws {
        try await Self.with { workspace, registry async throws in
            let result = try await workspace.run("sync", "--list")
            #expect(result.status == 0, "\(result.errors)")
            let (up, down) = (registry.place("up/app"), registry.place("down/app"))
            #expect(result.output == "\(up):1.1.0 -> \(down):1.1.0\n\(up):1.0.0 -> \(down):1.0.0\n")
            #expect(registry.count(pathContains: "down/app") == 0)
            #expect(!Files.exists("\(workspace.path)/var"))
        }
    }

    @Test("A dry run says what it would do, and writes nothing anywhere")
    func dryRun() async throws {
        try await Self.with { workspace, registry async throws in
            let before = try Files.tree(workspace.path)
            let result = try await workspace.run("sync", "--dry-run")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines.first?.hasPrefix("[dry-run] Sync Summary · ") == true)
            #expect(result.counts == [2, 2, 0, 0])
            #expect(registry.requests.allSatisfy { ["GET", "HEAD"].contains($0.method) })
            #expect(registry.store.tags(of: "down/app").isEmpty)
            #expect(try Files.tree(workspace.path) == before)
            #expect(!Files.exists("\(workspace.path)/var"))
        }
    }

    @Test("The summary is what the specification shows, to the letter")
    func summary() async throws {
        try await Self.with { workspace, registry async throws in
            _ = try await workspace.run("sync")
            registry.load(.image(layers: [.init(seed: 9, size: 9)]), repository: "up/app", tag: "1.2.0")
            let result = try await workspace.run("sync")
            let header = try #require(result.lines.first)
            #expect(header.wholeMatch(of: /Sync Summary · \d+\.\ds/) != nil)
            #expect(
                Array(result.lines.dropFirst().prefix(5)) == [
                    "───────────────────────────────────",
                    "Mirror images managed             3",
                    "├─ Synced                         1",
                    "├─ Up-to-date                     2",
                    "└─ Errors                         0",
                ]
            )
            #expect(result.lines.count == 7)
            #expect(!result.output.contains("\u{1B}"))
        }
    }

    @Test("Paths of a configuration elsewhere are relative to it, and IMGLIFE_CONFIG names it")
    func configurationElsewhere() async throws {
        try await Self.with { workspace, _ async throws in
            try Files.write(try Files.read("\(workspace.path)/imglife.yaml"), to: "\(workspace.path)/etc/mirror.yaml")
            try Files.remove("\(workspace.path)/imglife.yaml")
            let result = try await workspace.run("sync", environment: ["IMGLIFE_CONFIG": "etc/mirror.yaml"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(Files.exists("\(workspace.path)/etc/var/cache/index.json"))
        }
    }

    @Test("The configuration is read from standard input")
    func standardInput() async throws {
        try await Self.with { workspace, registry async throws in
            let text = try Files.text("\(workspace.path)/imglife.yaml")
            try Files.remove("\(workspace.path)/imglife.yaml")
            let result = try await workspace.run("sync", "--config", "-", stdin: text)
            #expect(result.status == 0, "\(result.errors)")
            #expect(registry.store.tags(of: "down/app").count == 2)
        }
    }

    @Test(
        "Of a configuration that is read from a stream the paths begin where the program was started",
        arguments: [
            "cat etc/c | \"$imglife\" -c /dev/stdin --check", "\"$imglife\" -c /dev/stdin --check <etc/c",
            "cat etc/c | \"$imglife\" -c /dev/fd/3 --check 3<&0", "\"$imglife\" -c /proc/self/fd/0 --check <etc/c",
            "mkfifo etc/pipe; cat etc/c >etc/pipe & \"$imglife\" -c etc/pipe --check",
        ]
    )
    func streams(command: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure("")
            let text = "sync: {entries: [{source: a.io/b, target: c.io/d, tag: t}]}\n"
            let data = "lifecycle: {eol_data_file: data.yaml, eol_provider: local}\n"
            try Files.write(text + data, to: "\(workspace.path)/etc/c")
            try Files.write("alpine: [{cycle: '3.9', eol: 2020-11-01}]\n", to: "\(workspace.path)/data.yaml")
            let result = try await workspace.shell(command)
            #expect(result.status == 0, "\(result.errors)")
            // A file that happens to have such a name is one.
            #expect(try await workspace.run("-c", "etc/c", "--check").status == 78)
        }
    }

    @Test("Hooks get a variable of the surroundings as it is, although it is not UTF-8")
    func foreignVariable() async throws {
        try await Self.with { workspace, registry async throws in
            let hook = "  hooks: {post_sync: [{cmd: 'printf %s \"$ODD\" >odd'}]}\n"
            let entry =
                "    - {source: \(registry.place("up/app")), target: \(registry.place("down/app")), tag: 1.0.0}\n"
            try workspace.configure("sync:\n\(hook)  entries:\n\(entry)")
            let result = try await workspace.shell(
                "ODD=$(printf 'a\\377b') \"$imglife\" sync >out && od -An -tx1 odd"
            )
            #expect(result.output == " 61 ff 62\n", "\(result.errors)")
        }
    }

    @Test("Log levels and formats come from the environment where no flag is given")
    func logging() async throws {
        try await Self.with { workspace, _ async throws in
            let variables = ["IMGLIFE_LOG_LEVEL": "trace", "IMGLIFE_LOG_FORMAT": "json"]
            let json = try await workspace.run("sync", "--progress", "none", environment: variables)
            #expect(json.errorLines.contains { $0.contains(#""level":"trace""#) })
            #expect(json.errorLines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
            let quiet = try await workspace.run(
                "sync",
                "--log-level",
                "error",
                "--progress",
                "none",
                environment: variables
            )
            #expect(quiet.errors.isEmpty)
        }
    }

    @Test("Only the entries that --entry names by source or target are run")
    func entryPatterns() async throws {
        try await Self.with { workspace, registry async throws in
            registry.load(.image(), repository: "other/tool", tag: "v1")
            try workspace.configure(
                Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all),
                Entry(registry.place("other/tool"), to: registry.place("down/tool"), "tag: v1"),
                Entry(registry.place("up/app"), to: registry.place("third/app"), "tag: 1.0.0")
            )
            let bySource = try await workspace.run("sync", "--entry", "*/other/*")
            #expect(bySource.counts == [1, 1, 0, 0])
            #expect(registry.store.repositories == ["down/tool", "other/tool", "up/app"])
            let byTarget = try await workspace.run("sync", "--entry=*/third/app", "--entry=*/down/tool")
            #expect(byTarget.counts == [2, 1, 1, 0])
            #expect(registry.store.tags(of: "down/app").isEmpty)
            let none = try await workspace.run("sync", "--entry", "nothing")
            #expect(none.status == 64)
            #expect(none.errors.contains("--entry nothing"))
        }
    }
}
