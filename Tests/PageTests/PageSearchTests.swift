import Cache
import OCI
import Serve
import TestSupport
import Testing

@testable import Page

@Suite(.timeLimit(.minutes(10)))
struct PageSearchTests {
    private static let names = [
        "alpine:3.21", "alpine:3.22", "quay.io/prometheus/node-exporter:v1.9.1", "ghcr.io/org/tool:RC1-Alpine",
    ]

    private static func rows(_ html: String) -> [String] {
        html.matches(of: /<li class="tag">([^<]*)<\/li>/).map { String($0.1) }
    }

    @Test(
        "A search finds what has every word in its name or tag, in upper or lower case",
        arguments: [
            ("alpine", ["3.22", "3.21", "RC1-Alpine"]), ("ALPINE", ["3.22", "3.21", "RC1-Alpine"]), ("3.21", ["3.21"]),
            ("alpine:3.2", ["3.22", "3.21"]), ("alpine+21", ["3.21"]), ("alpine%2021", ["3.21"]),
            ("21+alpine", ["3.21"]),
            ("node", ["v1.9.1"]), ("prometheus+v1", ["v1.9.1"]), ("nothing", []), ("quay.io+alpine", []),
            ("", ["3.22", "3.21", "RC1-Alpine", "v1.9.1"]), ("++", ["3.22", "3.21", "RC1-Alpine", "v1.9.1"]),
        ]
    )
    func search(query: String, expected: [String]) async throws {
        let html = try await PageFixture(Self.names.map { [$0] }).get("/?q=\(query)").text
        #expect(Self.rows(html) == expected)
    }

    @Test("What was looked for stands in the box again, and says how much was found")
    func echo() async throws {
        let fixture = try PageFixture(Self.names.map { [$0] })
        let html = try await fixture.get("/?q=node+v1").text
        #expect(html.contains(#"name="q" value="node v1""#))
        #expect(html.contains("1 of 3 repositories has a name or tags with “node v1”."))
        #expect(try await fixture.get("/?q=zzz").text.contains("None of 3 repositories have"))
    }

    @Test("A hundred repositories stand on a page, and each page leads to its neighbours")
    func paging() async throws {
        let names = (0..<250).map { ["quay.io/team/app\(String($0 + 1000)):1"] }
        let fixture = try PageFixture(names)
        try await fixture.serve { server async throws in
            let client = RawClient(try RegistryHost(server.address))
            let expected: [(uri: String, first: Int, count: Int, previous: String?, next: String?)] = [
                ("/", 1000, 100, nil, "/?page=2"), ("/?page=2", 1100, 100, "/", "/?page=3"),
                ("/?page=3", 1200, 50, "/?page=2", nil), ("/?page=99999999999999999999", 1000, 100, nil, "/?page=2"),
                ("/?page=77", 1200, 50, "/?page=2", nil), ("/?page=-1", 1000, 100, nil, "/?page=2"),
                ("/?page=x", 1000, 100, nil, "/?page=2"),
                ("/?q=app1&page=2", 1100, 100, "/?q=app1", "/?q=app1&amp;page=3"),
            ]
            for page in expected {
                let html = try await client.get(page.uri).text
                let shown = html.matches(of: /quay\.io\/team\/app(\d+)<\/a>/).compactMap { Int($0.1) }
                #expect(shown.count == page.count && shown.first == page.first, "\(page.uri)")
                #expect(html.firstMatch(of: /rel="prev" href="([^"]*)"/).map { String($0.1) } == page.previous)
                #expect(html.firstMatch(of: /rel="next" href="([^"]*)"/).map { String($0.1) } == page.next)
            }
        }
    }

    @Test("A repository with many images shows five in the list, and all of them on its own pages")
    func manyImages() async throws {
        let fixture = try PageFixture((0..<130).map { ["alpine:1.\($0)"] } + [(0..<120).map { "alpine:x\($0)" }])
        let list = try await fixture.get("/").text
        #expect(Self.rows(list) == (112..<120).reversed().map { "x\($0)" } + ["1.129", "1.128", "1.127", "1.126"])
        #expect(list.contains("and 112 more") && list.contains(">126 more images</a>"))
        try await fixture.serve { server async throws in
            let client = RawClient(try RegistryHost(server.address))
            var tags: Set<String> = []
            for page in 1...2 {
                let html = try await client.get("/?repository=docker.io/library/alpine&page=\(page)").text
                tags.formUnion(html.matches(of: /<span class="tag">([^<]*)</).map { String($0.1) })
            }
            #expect(tags.count == 250)
        }
        let some = try await fixture.get("/?repository=docker.io/library/alpine&q=1.7").text
        #expect(some.contains("shown are those with “1.7”: 11 tags of 11 images."))
    }

    @Test(
        "Versions are in their order, the highest first",
        arguments: [
            ["3.21", "3.9", "3.9-slim", "3"], ["v10", "v9", "v1"], ["latest", "edge", "3"],
            ["2024.10.01", "2024.9.30"],
            ["1.07", "1.6"],
        ]
    )
    func order(tags: [String]) {
        #expect(tags.shuffled().sorted(by: VersionOrder.isNewer) == tags)
    }
}
