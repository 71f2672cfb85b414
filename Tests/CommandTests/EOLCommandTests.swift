import OCI
import TestSupport
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct EOLCommandTests {
    /// `eol` of a target that holds these tags.
    private func withMirror(
        _ tags: TagName...,
        body: (EOLMirror) async throws -> Void
    ) async throws {
        try await EOLMirror.with { mirror in
            for tag in tags { mirror.load(tag, into: mirror.target, EOLMirror.mirrored) }
            try mirror.configure()
            try await body(mirror)
        }
    }

    private func rows(_ result: ToolResult) throws -> [JSONValue] {
        try #require(try JSONValue(parsing: result.stdout)["rows"]?.elements)
    }

    @Test(
        "The table tells every mirrored tag's cycle, end, days and newest release, whether dates or booleans are known"
    )
    func table() async throws {
        try await withMirror("3.21.5", "3.20.1", "3.19.2", "3.18.12", "3.1.1", "edge") { mirror in
            mirror.serveAlpine()
            let result = try await mirror.run("eol")
            #expect(result.status == 0, "\(result.errors)")
            let place = "\(mirror.target.host)/mirrors/alpine"
            let lines = result.output.split(separator: "\n").map { $0.split { $0 == " " }.map(String.init) }
            #expect(lines.first == ["IMAGE", "CYCLE", "END", "OF", "LIFE", "DAYS", "LEFT", "NEWEST"])
            let soon = EOLMirror.date(inDays: 30)
            #expect(lines[1] == ["\(place):3.21.5", "3.21", "not", "yet", "-", "3.21.5", "(this)"])
            #expect(lines[2] == ["\(place):3.20.1", "3.20", soon, "30", "3.20.6"])
            #expect(lines[3] == ["\(place):3.19.2", "3.19", "ended", "-", "-"])
            #expect(Array(lines[4].prefix(3)) == ["\(place):3.18.12", "3.18", "2025-05-09"])
            #expect(lines[5] == ["\(place):3.1.1", "3.1", "unknown", "cycle", "-", "-"])
            #expect(lines.count == 6)
            #expect(mirror.source.requests.isEmpty)
            #expect(Files.exists(mirror.dataFile))
        }
    }

    @Test("The JSON has stable keys")
    func json() async throws {
        try await withMirror("3.20.1", "3.19.2") { mirror in
            mirror.serveAlpine()
            let result = try await mirror.run("eol", "--output", "json")
            #expect(try SchemaValidator(ResultSchemas.eol, isClosed: true).problems(result.output) == [])
            #expect(result.status == 0)
            let document = try JSONValue(parsing: result.stdout)
            #expect(document.members?.map(\.key) == ["date", "failures", "rows", "version"])
            let rows = try rows(result)
            #expect(rows.map { $0["status"]?.string } == ["ends_soon", "ended"])
            #expect(rows.map { $0["eol"]?.bool } == [nil, true])
            for row in rows {
                #expect(
                    row.members?.map(\.key) == [
                        "cycle", "days_left", "eol", "newest", "newest_date", "newest_in_cycle", "product", "source",
                        "stale", "status", "tag", "target",
                    ]
                )
            }
        }
    }

    @Test(
        "--fail-within exits with 1 for what has ended and what ends by then, and not for anything else",
        arguments: [
            ("3.20.1", "90d", 1), ("3.20.1", "5w", 1), ("3.20.1", "29d", 0), ("3.19.1", "0d", 1), ("3.18.1", "1d", 1),
            ("3.21.1", "36500d", 0), ("3.1.1", "90d", 0),
        ] as [(TagName, String, Int)]
    )
    func failWithin(tag: TagName, limit: String, status: Int) async throws {
        try await withMirror(tag) { mirror in
            mirror.serveAlpine()
            let result = try await mirror.run("eol", "--fail-within", limit)
            #expect(result.status == status)
            #expect(result.output.contains(":\(tag) "))
        }
    }

    @Test(
        "--fail-within fails where the only data there could be is missing or cannot be read",
        arguments: [nil, "alpine: [", "other: [{cycle: '1', eol: 2020-01-01}]"]
    )
    func failWithinWithoutData(text: String?) async throws {
        try await withMirror("3.20.1") { mirror in
            try mirror.configure(lifecycle: ", eol_provider: local, eol_data_file: data/eol.yaml")
            if let text { try Files.write(text, to: "\(mirror.path)/data/eol.yaml") }
            let result = try await mirror.run("eol", "--fail-within", "90d")
            let isReadable = text?.hasPrefix("other") == true
            #expect(result.status == (isReadable ? 0 : 1), "\(result.errors)")
            #expect(result.errors.contains("--fail-within cannot tell") != isReadable, "\(result.errors)")
        }
    }

    @Test("A time that is none is bad usage")
    func badUsage() async throws {
        try await withMirror { mirror in
            let result = try await mirror.run("eol", "--fail-within", "soon")
            #expect(result.status == 64)
            #expect(result.errors.contains("such as 90d or 12w"))
            #expect(try await mirror.run("eol", "--entry", "nothing/*").status == 64)
        }
    }

    @Test("A day's answer is kept and asked for again only by --update, with what is known of it")
    func update() async throws {
        try await withMirror("3.20.1") { mirror in
            mirror.serveAlpine()
            #expect(try await mirror.run("eol").status == 0)
            #expect(try await mirror.run("eol").status == 0)
            #expect(mirror.service.requests.count == 1)
            mirror.service.removeScript()
            mirror.serve(#"[{"cycle": "3.20", "eol": "2020-01-01"}]"#)
            let result = try await mirror.run("eol", "--update", "--output", "json")
            #expect(result.status == 0)
            #expect(mirror.service.requests.count == 2)
            #expect(mirror.service.requests.last?.headers["if-none-match"] == #""v1""#)
            #expect(try rows(result).first?["status"]?.string == "ended")
            #expect(try Files.text(mirror.dataFile).contains("2020-01-01"))
        }
    }

    @Test("A service that is down leaves the last copy, marked; only --update takes it for a failure")
    func serviceDown() async throws {
        try await withMirror("3.20.1") { mirror in
            let rows = #"alpine: [{cycle: "3.20", eol: 2020-01-01}]"#
            try Files.write("\(rows)\n_fetched: {alpine: {on: 2020-01-01}}\n", to: mirror.dataFile)
            mirror.service.script(RequestMatch("GET", times: nil), .status(500))
            let result = try await mirror.run("eol")
            #expect(result.status == 0)
            #expect(result.output.contains("2020-01-01*"))
            #expect(result.output.hasSuffix("because newer data could not be fetched\n"))
            #expect(result.errors.contains("the copy of 2020-01-01 is used"))
            let json = try await mirror.run("eol", "--output", "json", "--update")
            #expect(json.status == 1)
            #expect(try self.rows(json).first?["stale"]?.bool == true)
        }
    }

    @Test(
        "A service that is slow, or wants to be left alone, is not waited for where there is a copy",
        arguments: [true, false]
    )
    func impatience(isMute: Bool) async throws {
        try await withMirror("3.20.1") { mirror in
            let rows = #"alpine: [{cycle: "3.20", eol: 2020-01-01}]"#
            try Files.write("\(rows)\n_fetched: {alpine: {on: 2020-01-01}}\n", to: mirror.dataFile)
            let answer = isMute ? Action.holdHead(Gate()) : .status(429, headers: ["Retry-After": "600"])
            mirror.service.script(RequestMatch("GET", times: nil), answer)
            let clock = ContinuousClock.now
            let result = try await mirror.run("eol", "--fail-within", "90d")
            #expect(result.status == 1)
            #expect(result.output.contains("2020-01-01*"))
            #expect(result.errors.contains("the copy of 2020-01-01 is used"))
            #expect(ContinuousClock.now - clock < .seconds(30))
        }
    }

    @Test("A product of which nothing is known, because the service is down, is not unknown", arguments: [500, 200])
    func noAnswer(status: Int) async throws {
        try await withMirror("3.20.1") { mirror in
            mirror.service.script(RequestMatch("GET", times: nil), .reply(.json(status, "no cycles")))
            let result = try await mirror.run("eol")
            #expect(result.status == 0)
            #expect(result.output.contains("no answer") && !result.output.contains("unknown"), "\(result.output)")
            // The service is no registry, and its documents are no repository.
            #expect(!result.errors.contains("/documents"), "\(result.errors)")
            #expect(result.errors.contains("there is no earlier copy"))
        }
    }

    @Test("A product that the service does not know is shown as such, and is no failure")
    func unknownProduct() async throws {
        try await withMirror("3.20.1") { mirror in
            let result = try await mirror.run("eol", "--update", "--fail-within", "90d")
            #expect(result.status == 0)
            #expect(result.output.contains("unknown product"))
            #expect(result.errors.contains("the service does not know the product"))
            #expect(mirror.service.transcript == ["GET /api/alpine.json"])
        }
    }

    @Test(
        "--update fails where the service no longer knows what it told once, and not for what somebody wrote by hand",
        arguments: [true, false]
    )
    func forgotten(isFetched: Bool) async throws {
        try await withMirror("3.20.1") { mirror in
            let day = isFetched ? "_fetched: {alpine: {on: 2024-01-01}}\n" : ""
            try Files.write("alpine: [{cycle: '3.20', eol: 2027-06-01}]\n\(day)", to: mirror.dataFile)
            let match = RequestMatch("GET", .exactly("/api/alpine.json"), times: nil)
            mirror.service.script(match, .error(404, "UNKNOWN"))
            let result = try await mirror.run("eol", "--update")
            #expect(result.errors.contains("could not be refreshed: the service does not know the product"))
            #expect(result.output.contains("2027-06-01"))
            #expect(result.status == (isFetched ? 1 : 0), "\(result.errors)")
            #expect(try await mirror.run("eol").status == 0)
        }
    }

    @Test("The local provider never asks, even when told to update")
    func local() async throws {
        try await withMirror("3.20.1") { mirror in
            try mirror.configure(lifecycle: ", eol_provider: local, eol_data_file: data/eol.yaml")
            try Files.write(#"alpine: [{cycle: "3.20", eol: 2020-01-01}]"#, to: "\(mirror.path)/data/eol.yaml")
            let result = try await mirror.run("eol", "--update")
            #expect(result.status == 0)
            #expect(result.output.contains("2020-01-01 "))
            #expect(result.errors.contains("--update has no effect"))
            #expect(mirror.service.requests.isEmpty)
        }
    }

    @Test("A target that cannot be listed is an error of its entry alone")
    func unlistedTarget() async throws {
        try await withMirror("3.20.1") { mirror in
            mirror.serveAlpine()
            let entry = "source: \(mirror.source.host)/b, target: \(mirror.target.host)/forbidden, tag_regex: '.'"
            try mirror.configure(more: "    - {\(entry), lifecycle: {product: alpine, track: minor}}")
            mirror.target.script(RequestMatch("GET", .containing("/forbidden/"), times: nil), .error(403, "DENIED"))
            let result = try await mirror.run("eol", "--output", "json")
            #expect(result.status == 1)
            #expect(try rows(result).count == 1)
            let failures = try #require(try JSONValue(parsing: result.stdout)["failures"]?.elements)
            #expect(failures.map { $0["target"]?.string } == ["\(mirror.target.host)/forbidden"])
            #expect(result.errors.contains("target=\(mirror.target.host)/forbidden"))
            let chosen = try await mirror.run("eol", "--entry", "*/mirrors/*")
            #expect(chosen.status == 0)
        }
    }

    @Test("Where nothing is tracked nothing is asked")
    func nothingTracked() async throws {
        try await withMirror("3.20.1") { mirror in
            try mirror.configure(product: nil)
            let result = try await mirror.run("eol")
            #expect(result.status == 0)
            #expect(result.errors.contains("no entry has 'lifecycle'"))
            #expect(mirror.service.requests.isEmpty && mirror.target.requests.isEmpty)
        }
    }
}
