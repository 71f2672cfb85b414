import TestSupport
import Testing

/// What ends a run before it begins.
@Suite(.timeLimit(.minutes(10)))
struct UsageTests {
    private static let valid = Entry("registry.example.com/a", to: "mirror.example.com/a", "tag: '1'")

    @Test("Help and version are results, and exit with 0", arguments: ["--help", "--version"])
    func information(_ option: String) async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.run(option)
            #expect(result.status == 0)
            #expect(result.errors.isEmpty)
            #expect(result.output.contains(option == "--help" ? "sync" : "0.1.0"))
        }
    }

    @Test(
        "Bad usage exits with 64 and says what is wrong",
        arguments: [
            (["sync", "--no-such-option"], "--no-such-option"), (["no-such-command"], "no-such-command"),
            (["--log-level", "loud", "sync"], "loud"), (["sync", "--config"], "--config"),
            (["sync", "--cache-dir", ""], "--cache-dir"), (["sync", "--config="], "--config"),
            (["plan", "-c", ""], "-c"), (["export", "-o", "", "a:1"], "-o"),
            (["serve", "--htpasswd", ""], "--htpasswd"),
            (["import", "a.tar", "--verify-key", ""], "--verify-key"), (["keygen", "-o="], "-o"),
            (["keygen", "-o", "-"], "name a file with -o"),
            (["sync", "--lock-timeout=-1s"], "'-1s' is less than nothing"),
            (["cache", "gc", "--grace=-1s"], "less than nothing"),
            (["cache", "verify", "--max-duration=-1s"], "'-1s'"),
        ]
    )
    func badUsage(_ arguments: [String], _ text: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 64)
            #expect(result.output.isEmpty)
            #expect(result.errors.contains(text))
        }
    }

    @Test(
        "What only a command itself finds wrong is bad usage of that command",
        arguments: [
            (["sync", "--entry", "none"], "sync"), (["init", "bad image"], "init"),
            (["init", "--target", "mirror.example.com/a b", "alpine:3"], "init"),
            (["convert", "--target", "a b", "imglife.yaml"], "convert"),
            (["import", "-", "--config", "-"], "import"), (["cache", "ls", "--entry", "none"], "cache ls"),
            (["plan", "--explain", "other.example.com/a:1"], "plan"),
        ]
    )
    func misused(_ arguments: [String], _ command: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 64 && result.output.isEmpty, "\(result.errors)")
            #expect(result.errors.hasPrefix("Error: "))
            #expect(result.errors.contains("\nUsage: imglife \(command) "), "\(result.errors)")
            #expect(result.errors.hasSuffix("\n  See 'imglife \(command) --help' for more information.\n"))
        }
    }

    @Test(
        "A valid configuration is said to be so",
        arguments: [
            ["--check"], ["sync", "--check"], ["--check", "sync"], ["cache", "gc", "--grace", "0s", "--check"],
            ["--check", "cache", "gc"], ["cache", "rm", "registry.example.com/a:1", "--check"],
            ["cache", "ls", "--check"],
            ["cache", "stats", "--check"], ["cache", "verify", "--repair", "--check"],
            ["export", "-o", "a.tar", "--check"],
            ["import", "a.tar", "--check"], ["receipt", "-o", "r.json", "--check"], ["keygen", "-o", "key", "--check"],
            ["eol", "--update", "--check"], ["serve", "--check"], ["schema", "--check"],
        ]
    )
    func checkValid(_ arguments: [String]) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "imglife.yaml: valid, 1 entry\n")
            #expect(try Files.list(workspace.path) == ["imglife.yaml"])
        }
    }

    @Test("Every mistake of a configuration is told in one run, each with its place", arguments: ["--check", "sync"])
    func checkInvalid(_ argument: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(
                """
                sync:
                  platfroms: [linux/amd64]
                  entries:
                    - source: registry.example.com/a:1.0
                      target: mirror.example.com/a
                      tag: "1.0"
                    - source: registry.example.com/b
                      target: mirror.example.com/b
                      tag_regex: '^(1'
                      keep_last: 0
                    - source: registry.example.com/c
                      tag: "1.0"

                """
            )
            let result = try await workspace.run(argument)
            #expect(result.status == 78)
            #expect(result.output.isEmpty)
            let places = [
                ("imglife.yaml:2:3: ", "'platforms'"), ("imglife.yaml:4:15: sync.entries[0].source: ", "tag: 1.0"),
                ("imglife.yaml:9:18: sync.entries[1].tag_regex: ", ""),
                ("imglife.yaml:10:18: sync.entries[1].keep_last: ", "'0'"),
                ("imglife.yaml:11:7: sync.entries[2]", "'target'"),
            ]
            #expect(result.errorLines.count == places.count, "\(result.errors)")
            for (line, place) in zip(result.errorLines, places) {
                #expect(line.hasPrefix(place.0) && line.contains(place.1), "\(line)")
            }
        }
    }

    @Test(
        "Of several patterns each that means no entry is told, and nothing runs",
        arguments: [["sync"], ["plan"], ["export", "-o", "a.tar"], ["eol"]]
    )
    func idlePatterns(_ command: [String]) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let patterns = ["*/a", "none", "neither"].flatMap { ["--entry", $0] }
            let result = try await workspace.launch([Workspace.program] + command + patterns)
            #expect(result.status == 64, "\(result.errors)")
            #expect(result.errors.contains("matches --entry none, --entry neither\n"), "\(result.errors)")
            #expect(try Files.list(workspace.path) == ["imglife.yaml"])
        }
    }

    @Test(
        "Certificates that cannot be used are told before a run, all of them with their places",
        arguments: [
            ["sync"], ["sync", "--every", "6h"], ["plan"], ["eol"], ["export", "-o", "a.tar"],
            ["serve", "--pull-through"], ["serve", "--sync-every", "6h"],
        ]
    )
    func certificates(_ command: [String]) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(
                """
                sync: {entries: [{source: registry.example.com/a, target: mirror.example.com/a, tag: '1'}]}
                registries:
                  registry.example.com: {ca_file: none.pem}
                  mirror.example.com: {ca_file: imglife.yaml}
                """
            )
            let result = try await workspace.launch([Workspace.program] + command)
            #expect(result.status == 78, "\(result.errors)")
            for place in ["imglife.yaml:3:35: ", "imglife.yaml:4:33: "] {
                #expect(result.errorLines.count { $0.hasPrefix(place) } == 1, "\(result.errors)")
            }
        }
    }

    @Test(
        "A place for metrics that cannot be written is told before a run",
        arguments: [("", 64), ("-", 64), ("none/metrics", 1), (".", 1)]
    )
    func metricsFile(_ path: String, _ status: Int32) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let result = try await workspace.launch([Workspace.program, "sync", "--metrics-file", path])
            #expect(result.status == status, "\(result.errors)")
            #expect(try Files.list(workspace.path) == ["imglife.yaml"])
        }
    }

    @Test("A configuration that is not there is one clear line", arguments: [[], ["--config", "no\u{1B}/such.yaml"]])
    func missing(_ options: [String]) async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.launch([Workspace.program, "sync"] + options)
            #expect(result.status == 78)
            #expect(result.output.isEmpty)
            #expect(result.errorLines.count == 1)
            #expect(result.errors.hasPrefix("error: there is no configuration at '"))
            #expect(result.errors.contains("--config") && !result.errors.contains("\u{1B}"))
        }
    }

    @Test(
        "An invalid variable is named, and nothing runs",
        arguments: [
            ("IMGLIFE_RETRY_ATTEMPTS", "0"), ("IMGLIFE_RETRY_INITIAL_DELAY", "2"), ("IMGLIFE_RETRY_BACKOFF", "x"),
            ("IMGLIFE_RETRY_TIMEOUT", "0s"), ("IMGLIFE_LOCK_TIMEOUT", "2562048h"), ("IMGLIFE_SYNC_PARALLELISM", "many"),
            ("IMGLIFE_LOG_LEVEL", "loud"),
            ("IMGLIFE_MIRROR_EXAMPLE_COM_USERNAME", "half"),
        ]
    )
    func variables(_ name: String, _ value: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let result = try await workspace.run("sync", environment: [name: value])
            #expect(result.status == 78)
            #expect(result.errorLines.count == 1)
            #expect(result.errors.contains(name), "\(result.errors)")
            #expect(!Files.exists("\(workspace.path)/var"))
        }
    }

    @Test(
        "A variable that is nearly one of the program's gets a warning with the one that is meant",
        arguments: [
            ("IMGLIFE_RETRY_ATTEMPT", "IMGLIFE_RETRY_ATTEMPTS"), ("IMGLIFE_PARALLELISM", "IMGLIFE_SYNC_PARALLELISM"),
            ("IMGLIFE_CONFG", "IMGLIFE_CONFIG"), ("IMGLIFE_CACHEDIR", "IMGLIFE_CACHE_DIR"),
            ("IMGLIFE_RETRY_ATTEMPTS", nil), ("IMGLIFE_R_EXAMPLE_COM_TOKEN", nil), ("IMGLIFE_TARGET", nil),
            ("IMGLIFE_BUILD_NUMBER", nil), ("RETRY_ATTEMPT", nil),
            ("IMGLIFE_r_example_com_TOKEN", "IMGLIFE_R_EXAMPLE_COM_TOKEN"),
            ("IMGLIFE_R.EXAMPLE.COM_USERNAME", "IMGLIFE_R_EXAMPLE_COM_USERNAME"),
            ("IMGLIFE_R_EXAMPLE_COM_password", "IMGLIFE_R_EXAMPLE_COM_PASSWORD"),
            ("IMGLIFE_R_EXAMPLE_COM_USER", "IMGLIFE_R_EXAMPLE_COM_USERNAME"),
            ("IMGLIFE_DOCKER_IO_PASS", "IMGLIFE_DOCKER_IO_PASSWORD"),
            ("IMGLIFE_DOCKER_IO_PASSWD", "IMGLIFE_DOCKER_IO_PASSWORD"),
            ("IMGLIFE_BUILD_USER", nil), ("IMGLIFE_PORT_5050_TCP_ADDR", nil), ("IMGLIFE_SERVICE_HOST", nil),
            ("IMGLIFE_SERVICE_PORT_REGISTRY", nil), ("IMGLIFE_PORT", nil),
        ]
    )
    func nearVariables(_ name: String, _ meant: String?) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let result = try await workspace.run("--check", environment: [name: "9"])
            #expect(result.status == 0)
            let warning = meant.map { "the environment variable \(name) is not read; did you mean \($0)?" }
            #expect(result.errorLines.count == (meant == nil ? 0 : 1), "\(result.errors)")
            if let warning { #expect(result.errors.contains(warning), "\(result.errors)") }
        }
    }

    @Test(
        "A tilde that no shell has replaced gets a warning",
        arguments: [
            (["--cache-dir=~/cache"], [:]), ([], ["IMGLIFE_CACHE_DIR": "~/cache"]), (["--cache-dir", "a~"], [:]),
        ] as [([String], [String: String])]
    )
    func tilde(_ options: [String], _ environment: [String: String]) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(Self.valid)
            let command = [Workspace.program, "--check"] + options
            let result = try await workspace.launch(command, environment: environment)
            let isWarned = result.errors.contains("'~/cache'; '~' is not substituted")
            #expect(result.status == 0 && isWarned != options.contains("a~"), "\(result.errors)")
        }
    }

    @Test("All invalid variables are told at once, beside what is wrong with the file", arguments: [true, false])
    func manyVariables(isValid: Bool) async throws {
        try await Workspace.with { workspace async throws in
            if isValid { try workspace.configure(Self.valid) } else { try workspace.configure("sync: 3\n") }
            let variables = [
                "IMGLIFE_RETRY_ATTEMPTS": "-1", "IMGLIFE_SYNC_PARALLELISM": "0", "IMGLIFE_LOG_LEVEL": "loud",
                "IMGLIFE_LOCK_TIMEOUT": "1", "HTTPS_PROXY": "ftp://x",
            ]
            for arguments in [["sync"], ["--check"]] {
                let result = try await workspace.shell(
                    "\"$imglife\" \(arguments.joined(separator: " "))",
                    environment: variables
                )
                #expect(result.status == 78)
                for name in variables.keys { #expect(result.errors.contains(name), "\(result.errors)") }
                #expect(result.errors.contains("imglife.yaml:1:7: sync: ") == !isValid)
            }
        }
    }
}
