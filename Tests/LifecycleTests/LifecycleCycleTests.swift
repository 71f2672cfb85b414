import Lifecycle
import OCI
import Testing
import YAML

@Suite(.timeLimit(.minutes(10)))
struct LifecycleCycleTests {
    private static let november = CalendarDate("2026-11-01")

    private func parse(_ json: String) throws -> [ReleaseCycle] {
        try ReleaseCycle.cycles(parsing: Array(json.utf8))
    }

    @Test("A whole row of the API, with fields that nobody reads")
    func wholeRow() throws {
        let cycles = try parse(
            #"""
            [{"cycle": "3.21", "releaseDate": "2024-12-05", "eol": "2026-11-01", "latest": "3.21.3", "lts": false,
              "latestReleaseDate": "2025-02-13", "link": "https://example.com/", "x": {"y": [1]}}]
            """#
        )
        let expected = ReleaseCycle(
            cycle: "3.21",
            endOfLife: .date(try #require(Self.november)),
            releaseDate: CalendarDate("2024-12-05"),
            latest: "3.21.3",
            latestReleaseDate: CalendarDate("2025-02-13")
        )
        #expect(cycles == [expected])
    }

    @Test(
        "What 'eol' can be in JSON",
        arguments: [
            (#""eol": true"#, EndOfLife.ended), (#""eol": false"#, .notEnded), (#""eol": null"#, .unknown),
            (#""x": 1"#, .unknown), (#""eol": "soon""#, .unknown), (#""eol": "2023-02-29""#, .unknown),
            (#""eol": 2026"#, .unknown), (#""eol": "2026-11-01""#, november.map { .date($0) } ?? .unknown),
        ]
    )
    func jsonEndOfLife(field: String, expected: EndOfLife) throws {
        #expect(try parse(#"[{"cycle": "1", \#(field)}]"#).map(\.endOfLife) == [expected])
    }

    @Test("A cycle that is a number keeps its digits")
    func numbers() throws {
        let cycles = try parse(#"[{"cycle": 3.10, "latest": 3.10}, {"cycle": "3.1", "latest": null}]"#)
        #expect(cycles.map(\.cycle) == ["3.10", "3.1"])
        #expect(cycles.map(\.latest) == ["3.10", nil])
    }

    @Test(
        "Documents that are not a product's cycles",
        arguments: [
            "", "{}", "null", "<html>", "[]", "[1]", "[{}]", #"[{"cycle": null}]"#, #"[{"cycle": ""}]"#,
            #"[{"cycle": "1"}, {"cycle": "1"}]"#, #"[{"cycle": "1", "cycle": "2"}]"#, #"[{"cycle": "a\u001bb"}]"#,
            #"[{"cycle": "1"}"#, #"{"message": "Product not found"}"#,
            "[{\"cycle\": \"" + String(repeating: "1", count: 129) + "\"}]",
            "[" + (0...2000).map { "{\"cycle\": \"\($0)\"}" }.joined(separator: ",") + "]",
            String(repeating: " ", count: 1 << 20) + "[]", String(repeating: "[", count: 100_000),
        ]
    )
    func garbage(json: String) {
        #expect(throws: DocumentError.self) { try parse(json) }
    }

    @Test(
        "What 'eol' can be in the data file",
        arguments: [
            ("true", EndOfLife.ended), ("yes", .ended), ("false", .notEnded), ("~", .unknown), ("", .unknown),
            ("2026-11-01", november.map { .date($0) } ?? .unknown),
            ("\"2026-11-01\"", november.map { .date($0) } ?? .unknown),
        ]
    )
    func yamlEndOfLife(value: String, expected: EndOfLife) throws {
        let catalogue = try LifecycleCatalogue(yaml: "alpine:\n  - cycle: 3.10\n    eol: \(value)\n", file: "eol.yaml")
        #expect(catalogue.products["alpine"]?.cycles == [ReleaseCycle(cycle: "3.10", endOfLife: expected)])
    }

    @Test("A data file may hold JSON, empty products, and keys that nobody reads")
    func lenientYAML() throws {
        let yaml = #"{"alpine": [{"cycle": "3.21", "eol": false, "lts": {"a": 1}}], "debian": null, "ubuntu": []}"#
        let catalogue = try LifecycleCatalogue(yaml: yaml, file: "eol.yaml")
        #expect(catalogue.products["alpine"]?.cycles == [ReleaseCycle(cycle: "3.21", endOfLife: .notEnded)])
        #expect(catalogue.products["debian"]?.cycles == [])
        #expect(catalogue.products["ubuntu"]?.cycles == [])
        #expect(try LifecycleCatalogue(yaml: "", file: "eol.yaml") == LifecycleCatalogue())
        #expect(try LifecycleCatalogue(yaml: "# nothing\n", file: "eol.yaml") == LifecycleCatalogue())
    }

    @Test(
        "Problems of a data file are reported with their position",
        arguments: [
            ("- a\n", "eol.yaml:1:1: must be a mapping, not a list"),
            ("a: 1\n", "eol.yaml:1:4: a: must be a list, such as [{cycle: '3.21', eol: 2026-11-01}], not '1'"),
            ("a:\n  - eol: true\n", "eol.yaml:2:5: a[0]: the key 'cycle' is missing"),
            (
                "a:\n  - cycle: 1\n    eol: 2023-02-29\n",
                "eol.yaml:3:10: a[0].eol: must be a date such as 2026-11-01, true or false, not '2023-02-29'"
            ),
            (
                "a:\n  - cycle: 1\n    latestReleaseDate: soon\n",
                "eol.yaml:3:24: a[0].latestReleaseDate: must be a date such as 2026-11-01, not 'soon'"
            ),
            ("a:\n  - cycle: 1\n  - cycle: 1\n", "eol.yaml:3:5: a[1]: the cycle '1' stands here a second time"),
        ]
    )
    func yamlProblems(yaml: String, message: String) {
        let error = #expect(throws: ConfigurationError.self) { try LifecycleCatalogue(yaml: yaml, file: "eol.yaml") }
        #expect(error?.description == message)
    }

    @Test(
        "Product names that may stand in a URL's path",
        arguments: ["alpine-linux", "ubuntu", "dotnet", "node.js", "3cx", "a"]
    )
    func productNames(text: String) throws {
        #expect(try #require(ProductName(text)).path == "/api/\(text).json")
    }

    @Test(
        "Product names that may not",
        arguments: [
            "", ".", "..", "a/b", "../x", "a..b", "Alpine", "a b", "a%2fb", "a?b", "a#b", "c++", "a_b", "ä", "a\nb",
            String(repeating: "a", count: 129),
        ]
    )
    func noProductNames(text: String) {
        #expect(ProductName(text) == nil)
    }
}
