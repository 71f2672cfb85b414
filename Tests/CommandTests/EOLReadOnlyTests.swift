import TestSupport
import Testing

/// A configuration in a directory that the program cannot write, as services and containers have it.
@Suite(.timeLimit(.minutes(10)), .requires(.mounting))
struct EOLReadOnlyTests {
    private static let rows = "alpine: [{cycle: '3.20', eol: 2020-01-01}]\nours: [{cycle: '3.20', eol: 2021-01-01}]\n"

    /// Runs commands one after the other on a read-only view of the configuration's directory, with a cache that can be
    /// written.
    private func run(_ mirror: EOLMirror, _ state: String, _ commands: String...) async throws -> ToolResult {
        let imglife = "\(Tool.builtProduct("imglife")) --cache-dir \(state)/cache"
        let view = "mount --bind . . && mount -o remount,ro,bind . && cd \"$PWD\""
        let script = ([view] + commands.map { "\(imglife) \($0)" }).joined(separator: " && ")
        return try await Tool.run(
            "env",
            ["--chdir=\(mirror.path)", "--", "unshare", "-m", "sh", "-c", script],
            environment: ["PATH": "/usr/bin:/bin", "HOME": mirror.path, "IMGLIFE_RETRY_ATTEMPTS": "1"],
            inheritsEnvironment: false
        )
    }

    private func with(
        product: String = "alpine",
        _ body: (EOLMirror, _ state: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { state async throws in
            try await EOLMirror.with { mirror async throws in
                mirror.load("3.20.1", into: mirror.source, EOLMirror.alpine)
                mirror.serveAlpine()
                try mirror.configure(product: product)
                try await body(mirror, state)
            }
        }
    }

    @Test("Answers are kept with the cache, for all commands and for the days on which the service is down")
    func kept() async throws {
        try await with { mirror, state async throws in
            let first = try await run(mirror, state, "sync", "sync", "eol")
            #expect(first.status == 0 && !first.errors.contains("cannot write"), "\(first.errors)")
            #expect(mirror.service.requests.count == 1)
            #expect(Files.exists("\(state)/cache/eol-data.yaml") && !Files.exists(mirror.dataFile))
            mirror.service.removeScript()
            mirror.service.script(RequestMatch("GET", .containing("/api/"), times: nil), .error(503, "UNAVAILABLE"))
            let update = try await run(mirror, state, "cache verify", "eol --update")
            #expect(update.status == 1 && update.output.contains("\(EOLMirror.date(inDays: 30))*"), "\(update.output)")
        }
    }

    @Test("Without a cache nothing is made for them")
    func noCache() async throws {
        try await with { mirror, state async throws in
            mirror.load("3.20.1", into: mirror.target, EOLMirror.mirrored)
            let result = try await run(mirror, state, "--check", "eol", "sync --dry-run")
            #expect(result.status == 0 && result.errors.contains("cannot write eol-data.yaml"), "\(result.errors)")
            #expect(try Files.list(state) == [])
            // What came first is no hindrance to the cache.
            #expect(try await run(mirror, state, "sync").status == 0)
        }
    }

    @Test("Rows beside the configuration count for what the service has not told", arguments: ["alpine", "ours"])
    func supplement(product: String) async throws {
        try await with(product: product) { mirror, state async throws in
            try Files.write(Self.rows, to: mirror.dataFile)
            let result = try await run(mirror, state, "sync", "eol")
            let day = product == "ours" ? "2021-01-01*" : EOLMirror.date(inDays: 30)
            #expect(result.status == 0 && result.output.contains(day), "\(result.output)\(result.errors)")
            #expect(try Files.text(mirror.dataFile) == Self.rows)
        }
    }

    @Test("A file that the configuration names is the only one")
    func named() async throws {
        try await with { mirror, state async throws in
            try mirror.configure(lifecycle: ", eol_data_file: eol-data.yaml")
            let result = try await run(mirror, state, "sync")
            #expect(result.status == 0 && result.errors.contains("cannot write eol-data.yaml"), "\(result.errors)")
        }
    }
}
