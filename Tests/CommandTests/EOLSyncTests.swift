import OCI
import TestSupport
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct EOLSyncTests {
    private static let line = "End of life: 2 of 4 tracked tags · 1 more within 90 days\n"

    private func withMirror(body: (EOLMirror) async throws -> Void) async throws {
        try await EOLMirror.with { mirror in
            mirror.load("3.21.5", "3.20.1", "3.19.2", "3.18.12", into: mirror.source, EOLMirror.alpine)
            try mirror.configure()
            try await body(mirror)
        }
    }

    @Test("A sync counts the tags at the end of their life under its summary, copied or not, and keeps the data")
    func summary() async throws {
        try await withMirror { mirror in
            mirror.serveAlpine()
            for _ in 0..<2 {
                let result = try await mirror.run("sync")
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.output.hasSuffix(Self.line), "\(result.output)")
            }
            #expect(mirror.service.requests.count == 1)
            #expect(Files.exists(mirror.dataFile))
        }
    }

    @Test("The JSON report has the counts, and a dry run shows them without writing the data file")
    func dryRun() async throws {
        try await withMirror { mirror in
            mirror.serveAlpine()
            let result = try await mirror.run("sync", "--dry-run", "--output", "json")
            #expect(try SchemaValidator(ReportSchema.text, isClosed: true).problems(result.output) == [])
            #expect(result.status == 0)
            let lifecycle = try JSONValue(parsing: result.stdout)["lifecycle"]
            #expect(lifecycle?["end_of_life"]?.integer == 2)
            #expect(lifecycle?["ending_soon"]?.integer == 1)
            #expect(lifecycle?["unknown"]?.integer == 0)
            #expect(try await mirror.run("sync", "--dry-run").output.contains(Self.line))
            #expect(try Files.list(mirror.path) == ["imglife.yaml"])
        }
    }

    @Test("Neither --list nor a run without lifecycle asks for anything")
    func notAsked() async throws {
        try await withMirror { mirror in
            let list = try await mirror.run("sync", "--list")
            #expect(list.status == 0 && list.output.split(separator: "\n").count == 4)
            try mirror.configure(product: nil)
            let result = try await mirror.run("sync", "--output", "json")
            #expect(try SchemaValidator(ReportSchema.text, isClosed: true).problems(result.output) == [])
            #expect(result.status == 0)
            #expect(try JSONValue(parsing: result.stdout)["lifecycle"] == nil)
            #expect(!(try await mirror.run("sync").output.contains("End of life")))
            #expect(mirror.service.requests.isEmpty)
        }
    }

    @Test("A service that refuses or limits is a warning, and never waited for", arguments: [500, 429, 503])
    func refusal(status: Int) async throws {
        try await withMirror { mirror in
            let answer = Action.status(status, headers: ["Retry-After": "600"])
            mirror.service.script(RequestMatch("GET", times: nil), answer)
            let clock = ContinuousClock.now
            let result = try await mirror.run("sync")
            #expect(result.status == 0)
            let figures = "End of life: 0 of 4 tracked tags · 0 more within 90 days · 4 unknown"
            #expect(result.output.hasSuffix("\(figures) · the end-of-life service did not answer\n"))
            #expect(result.errors.contains("could not be refreshed"))
            #expect(!result.errors.contains("a registry"))
            let json = try await mirror.run("sync", "--output", "json")
            #expect(try SchemaValidator(ReportSchema.text, isClosed: true).problems(json.output) == [])
            let warnings = try JSONValue(parsing: json.stdout)["lifecycle"]?["warnings"]?.elements
            #expect(warnings?.isEmpty == false && warnings?.allSatisfy { $0["code"]?.string == "unreachable" } == true)
            #expect(ContinuousClock.now - clock < .seconds(30))
        }
    }

    @Test("A service that never answers delays the end by seconds")
    func hanging() async throws {
        try await withMirror { mirror in
            mirror.service.script(RequestMatch("GET", times: nil), .holdHead(Gate()))
            let clock = ContinuousClock.now
            let result = try await mirror.run("sync")
            #expect(result.status == 0)
            #expect(result.output.contains("4 unknown"))
            #expect(ContinuousClock.now - clock < .seconds(30))
        }
    }
}
