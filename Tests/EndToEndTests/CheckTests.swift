import OCI
import TestSupport
import Testing

/// `--check` looks at what a configuration, and the options beside it, point at.
@Suite(.timeLimit(.minutes(10)))
struct CheckTests {
    /// A configuration's lines below its one entry, and what is said of them.
    struct Row: Sendable, CustomTestStringConvertible {
        let lines: String
        /// Without the file's name; empty for a configuration that is right.
        let expected: [String]

        init(_ lines: String, _ expected: String...) {
            self.lines = lines
            self.expected = expected
        }

        var testDescription: String { expected.first ?? lines }
    }

    private static let entry = "sync:\n  entries:\n    - {source: a.io/b, target: c.io/d, tag: t}\n"

    static let rows: [Row] = [
        Row("registries: {c.io: {ca_file: ca.pem}}"),
        Row(
            "registries: {c.io: {ca_file: no.pem}}",
            "4:30: registries.c.io.ca_file: 'no.pem' cannot be read: No such file or directory; paths lead from the configuration's directory"
        ),
        Row(
            "registries: {c.io: {ca_file: '.'}}",
            "4:30: registries.c.io.ca_file: '.' cannot be read: Is a directory; paths lead from the configuration's directory"
        ),
        Row(
            "registries: {c.io: {ca_file: text}}",
            "4:30: registries.c.io.ca_file: 'text' holds no certificates: it must be a PEM file, '-----BEGIN CERTIFICATE-----'"
        ),
        Row("lifecycle: {eol_data_file: later.yaml}"),
        Row("lifecycle: {eol_data_file: eol.yaml, eol_provider: local}"),
        Row(
            "lifecycle: {eol_data_file: no.yaml, eol_provider: local}",
            "4:28: lifecycle.eol_data_file: 'no.yaml' is not there, and 'eol_provider: local' asks nobody else; write it, or leave that out"
        ),
        Row(
            "    - {source: a.io/c, target: c.io/e, tag: t, lifecycle: {product: alpine, track: minor}}\nlifecycle: {eol_provider: local}",
            "1:1: lifecycle.eol_data_file: 'eol-data.yaml' is not there, and 'eol_provider: local' asks nobody else; write it, or leave that out"
        ),
        Row("  hooks: {post_sync: [{cmd: './run.sh now'}, {cmd: 'FOO=1 sh -c x'}, {cmd: echo done}]}"),
        Row("  hooks: {post_sync: [{cmd: 'if true; then x; fi'}, {cmd: '\"$TOOL\" x'}, {cmd: 'cd /tmp && x'}]}"),
        Row(
            "  hooks: {post_sync: [{cmd: 'say () { echo x; }; say x'}, {cmd: 'say ( ) { x; }'}, {cmd: 'say() { x; }'}]}"
        ),
        Row("  hooks: {post_sync: [{cmd: '2>&1 echo'}, {cmd: '> out 2>err echo'}, {cmd: '<in >>out :'}]}"),
        Row("  hooks: {post_sync: [{cmd: 'A=\"b c\" echo'}, {cmd: 'A=$(git rev-parse HEAD) x'}, {cmd: 'A=1;echo b'}]}"),
        Row(
            #"  hooks: {post_sync: [{cmd: 'PATH=$PATH:/opt x'}, {cmd: 'A=1 PATH=/opt; x'}, {cmd: "PATH=/opt\nexport PATH\nx"}]}"#
        ),
        Row(
            "  hooks: {post_sync: [{cmd: 'MYPATH=/opt no-such-tool'}]}",
            "4:29: sync.hooks.post_sync[0].cmd: no program 'no-such-tool' is in PATH; install it, or write its whole path"
        ),
        Row(
            "  hooks: {post_sync: [{cmd: '2>&1 A=1 >out no-such-tool x'}]}",
            "4:29: sync.hooks.post_sync[0].cmd: no program 'no-such-tool' is in PATH; install it, or write its whole path"
        ),
        Row(
            "  hooks: {post_sync: [{cmd: notify-team.sh all}]}",
            "4:29: sync.hooks.post_sync[0].cmd: no program 'notify-team.sh' is in PATH; install it, or write its whole path"
        ),
        Row(
            "  hooks: {post_sync: [{cmd: ./no.sh}]}",
            "4:29: sync.hooks.post_sync[0].cmd: there is no program './no.sh'; paths lead from where imglife is started"
        ),
        Row(
            "  hooks: {post_sync: [{cmd: ./text; true}]}",
            "4:29: sync.hooks.post_sync[0].cmd: './text' is not executable; 'chmod +x' makes it so"
        ),
        Row(
            "  hooks: {post_sync: [{cmd: no-such-tool}]}\nregistries: {c.io: {ca_file: no.pem}, a.io: {ca_file: text}}",
            "4:29: sync.hooks.post_sync[0].cmd: no program 'no-such-tool' is in PATH; install it, or write its whole path",
            "5:30: registries.c.io.ca_file: 'no.pem' cannot be read: No such file or directory; paths lead from the configuration's directory",
            "5:55: registries.a.io.ca_file: 'text' holds no certificates: it must be a PEM file, '-----BEGIN CERTIFICATE-----'"
        ),
    ]

    private func with(_ lines: String, _ body: (Workspace) async throws -> Void) async throws {
        try await Workspace.with { workspace in
            try workspace.configure(Self.entry + lines + "\n")
            try Files.write("no certificate", to: workspace.path + "/text")
            try Files.write("alpine:\n- {cycle: '3.9', eol: 2020-11-01}\n", to: workspace.path + "/eol.yaml")
            let certificates = try await TestCertificates.shared()
            _ = try await workspace.shell(
                "cp '\(certificates.authorityFile)' ca.pem; printf x >run.sh; chmod +x run.sh"
            )
            try await body(workspace)
        }
    }

    @Test("Files and programs that a configuration names are looked at, and nothing is run", arguments: rows)
    func configuration(row: Row) async throws {
        try await with(row.lines) { workspace in
            let before = try Files.list(workspace.path)
            let result = try await workspace.run("--check")
            let expected = row.expected.map { "imglife.yaml:" + $0 }
            #expect(result.errorLines == expected)
            #expect(result.status == (expected.isEmpty ? 0 : 78))
            #expect(result.output == (expected.isEmpty ? "imglife.yaml: valid, 1 entry\n" : ""))
            #expect(try Files.list(workspace.path) == before)
        }
    }

    @Test("The file that REGISTRY_AUTH_FILE names has to be there", arguments: ["none.json", "text", "imglife.yaml/x"])
    func authFile(name: String) async throws {
        try await with("") { workspace in
            let result = try await workspace.run("--check", environment: ["REGISTRY_AUTH_FILE": name])
            #expect(result.status == 78 && result.output.isEmpty, "\(result.errors)")
            #expect(result.errorLines.count == 1 && result.errors.contains(name), "\(result.errors)")
        }
    }

    @Test("Whatever is wrong is told in one run: text, files, variables, and what options name")
    func allAtOnce() async throws {
        try await with("registries: {c.io: {ca_file: no.pem, port: 1}}") { workspace in
            let variables = [
                "IMGLIFE_C_IO_USERNAME": "half", "IMGLIFE_RETRY_ATTEMPTS": "none", "IMGLIFE_LOG_LEVEL": "loud",
                "REGISTRY_AUTH_FILE": "none.json",
            ]
            let arguments = [Workspace.program, "--check", "serve", "--htpasswd", "no.htpasswd"]
            let result = try await workspace.launch(arguments, environment: variables)
            #expect(result.status == 78 && result.output.isEmpty)
            let expected = [
                "imglife.yaml:4:38: registries.c.io.port: unknown key",
                "imglife.yaml:4:30: registries.c.io.ca_file: 'no.pem'",
                "error: IMGLIFE_LOG_LEVEL must be", "error: IMGLIFE_RETRY_ATTEMPTS must be",
                "error: IMGLIFE_C_IO_USERNAME is set, but IMGLIFE_C_IO_PASSWORD is not",
                "error: none.json, named by REGISTRY_AUTH_FILE, does not exist",
                "error: cannot use the password file no.htpasswd",
            ]
            #expect(result.errorLines.count == expected.count, "\(result.errors)")
            for (line, start) in zip(result.errorLines, expected) { #expect(line.hasPrefix(start), "\(line)") }
            let absent = try await workspace.run("--check", "-c", "gone.yaml", environment: variables)
            #expect(absent.status == 78 && absent.errorLines.count == 5, "\(absent.errors)")
        }
    }

    @Test("A data file's own mistakes are told with its own lines")
    func dataFile() async throws {
        try await with("lifecycle: {eol_data_file: broken.yaml}") { workspace in
            try Files.write("alpine:\n- {cycle: '3.9', eol: never}\n", to: workspace.path + "/broken.yaml")
            let result = try await workspace.run("sync", "--check")
            #expect(result.status == 78 && result.errors.hasPrefix("broken.yaml:2:"), "\(result.errors)")
        }
    }

    @Test(
        "Files that options name are looked at as well",
        arguments: [
            (["serve", "--htpasswd", "no.htpasswd"], "no.htpasswd"), (["serve", "--htpasswd", "text"], "text"),
            (
                ["serve", "--tls-cert", "text", "--tls-key", "text"],
                "cannot use the certificate text with the key text"
            ),
            (["export", "-o", "a.tar", "--sign", "no.key"], "cannot read the key no.key: No such file or directory"),
            (["export", "-o", "a.tar", "--sign", "text"], "text"),
            (["import", "a.tar", "--verify-key", "no.pub"], "cannot read the key no.pub: No such file or directory; "),
        ]
    )
    func options(arguments: [String], named: String) async throws {
        try await with("registries: {c.io: {ca_file: no.pem}}") { workspace in
            let result = try await workspace.launch([Workspace.program] + arguments + ["--check"])
            #expect(result.status == 78 && result.output.isEmpty)
            #expect(result.errorLines.count == 2, "\(result.errors)")
            #expect(result.errorLines.first?.hasPrefix("imglife.yaml:4:30: registries.c.io.ca_file:") == true)
            #expect(result.errorLines.last?.hasPrefix("error: ") == true && result.errors.contains(named))
        }
    }

    @Test(
        "What a server refuses of a valid file it refuses when it is checked, too",
        arguments: [
            ("--sync-every 1h", "", "imglife.yaml:1:1: the document is empty"),
            ("--sync-every 1h", "sync: {entries: []}", "imglife.yaml:1:17: sync.entries: must list at least one"),
            ("--sync-every 1h", "registries: {a.io: {}}", "imglife.yaml:1:1: the key 'sync' is missing"),
            ("--pull-through", "", "Error: --pull-through needs a configuration"),
            ("--pull-through", "sync: {entries: []}", "Error: --pull-through needs a configuration"),
        ]
    )
    func server(option: String, text: String, refusal: String) async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(text)
            let command = "\"$imglife\" serve --listen 127.0.0.1:0 \(option)"
            let refused = try await workspace.shell(command)
            #expect(refused.status == (refusal.hasPrefix("Error") ? 64 : 78))
            #expect(refused.errors.hasPrefix(refusal), "\(refused.errors)")
            let checked = try await workspace.shell(command + " --check")
            #expect(checked.status == refused.status && checked.errors == refused.errors, "\(checked.errors)")
        }
    }

    @Test("Without a configuration, how to begin one is told")
    func begin() async throws {
        try await Workspace.with { workspace in
            for arguments in [["sync", "--check"], ["--check"]] {
                let result = try await workspace.launch([Workspace.program] + arguments)
                #expect(
                    result.status == 78 && result.errors.contains("begin one with 'imglife init'"),
                    "\(result.output)"
                )
            }
            try workspace.configure("registries: {a.io: {}}\n")
            let pullThrough = try await workspace.run("--check")
            let lack = "'sync', 'plan' and 'eol' need 'sync.entries'"
            #expect(pullThrough.output == "imglife.yaml: valid, 0 entries; \(lack)\n")
            _ = try await workspace.launch(["rm", "imglife.yaml"])
            // What needs none is told that there is none.
            let result = try await workspace.run("serve", "--check")
            #expect(result.output == "no configuration at 'imglife.yaml': everything has its default\n")
        }
    }
}
