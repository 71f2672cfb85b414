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
        html.matches(of: /<li class="tag"><a href="[^"]*">([^<]*)<\/a><\/li>/).map { String($0.1) }
    }

    @Test(
        "A search finds what has every word in its name or tag, in upper or lower case",
        arguments: [
            ("alpine", ["3.22", "3.21", "RC1-Alpine"]), ("ALPINE", ["3.22", "3.21", "RC1-Alpine"]), ("3.21", ["3.21"]),
            ("alpine:3.2", ["3.22", "3.21"]), ("alpine+21", ["3.21"]), ("alpine%2021", ["3.21"]),
            ("21+alpine", ["3.21"]),
            ("node", ["v1.9.1"]), ("prometheus+v1", ["v1.9.1"]), ("nothing", []), ("quay.io+alpine", []),
            ("", ["3.22", "RC1-Alpine", "v1.9.1"]), ("++", ["3.22", "RC1-Alpine", "v1.9.1"]),
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
        #expect(html.contains("1 of 3 repositories has a name, tags, a digest or a platform with “node v1”."))
        #expect(try await fixture.get("/?q=zzz").text.contains("None of 3 repositories have"))
    }

    @Test(
        "A search finds images by a part of their digest and by their platform",
        arguments: [
            ("linux/arm64", ["3.22"]), ("arm64", ["3.22"]), ("ARM64+alpine", ["3.22"]), ("linux", ["3.22", "3.21"]),
            ("arm", []), ("\(PageFixture.digest(1))", ["3.21"]), (PageFixture.digest(1).hex.prefix(12) + "", ["3.21"]),
            ("windows", []), ("linux/s390x", []),
        ]
    )
    func contents(query: String, expected: [String]) async throws {
        let fixture = try PageFixture([["alpine:3.22"], ["alpine:3.21"], ["quay.io/prometheus/node-exporter:v1"]])
        var known = [ImageDetails(), ImageDetails()]
        known[0].platforms = [Platform(os: "linux", architecture: "arm64", variant: "v8")]
        known[1].platforms = [Platform(os: "linux", architecture: "amd64")]
        fixture.details.update { [known] in $0 = [PageFixture.digest(0): known[0], PageFixture.digest(1): known[1]] }
        let html = try await fixture.get("/?q=\(query)").text
        #expect(Self.rows(html) == expected)
    }

    @Test("The list is sorted as the visitor likes")
    func orders() async throws {
        let fixture = try PageFixture([["b/a:1"], ["b/b:1", "b/b:2"], ["b/c:1"], ["b/c:2"], ["b/c:3"]])
        fixture.images.update { images in
            images[1] = CacheOverview.Image(
                references: images[1].references,
                digest: images[1].digest,
                bytes: 9000,
                lastUse: PageFixture.now - 5
            )
        }
        for (order, expected) in [("name", "abc"), ("tags", "cba"), ("size", "bca"), ("used", "bac"), ("x", "abc")] {
            let html = try await fixture.get("/?sort=\(order)").text
            let names = html.matches(of: /docker\.io\/b\/(.)<\/a>/).map { String($0.1) }.joined()
            #expect(names == expected, "\(order)")
        }
        let html = try await fixture.get("/?sort=size&q=b/").text
        #expect(html.contains(#"<a href="?q=b%2F&amp;sort=used">Last used</a>"#))
        #expect(html.contains("<strong>Size</strong>"))
    }

    @Test("A hundred repositories stand on a page, and each page leads to its neighbours")
    func paging() async throws {
        let names = (0..<250).map { ["quay.io/team/app\(String($0 + 1000)):1"] }
        let fixture = try PageFixture(names)
        try await fixture.serve { server async throws in
            let client = RawClient(try RegistryHost(server.address))
            let expected: [(uri: String, first: Int, count: Int, previous: String?, next: String?)] = [
                ("/", 1000, 100, nil, "?page=2"), ("/?page=2", 1100, 100, "./", "?page=3"),
                ("/?page=3", 1200, 50, "?page=2", nil), ("/?page=99999999999999999999", 1000, 100, nil, "?page=2"),
                ("/?page=77", 1200, 50, "?page=2", nil), ("/?page=-1", 1000, 100, nil, "?page=2"),
                ("/?page=x", 1000, 100, nil, "?page=2"),
                ("/?q=app1&page=2", 1100, 100, "?q=app1", "?q=app1&amp;page=3"),
                ("/?sort=tags&page=2", 1100, 100, "?sort=tags", "?sort=tags&amp;page=3"),
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

    @Test("A repository with many images shows its newest tag in the list, and all of them on its own pages")
    func manyImages() async throws {
        let fixture = try PageFixture((0..<130).map { ["alpine:1.\($0)"] } + [(0..<120).map { "alpine:x\($0)" }])
        let list = try await fixture.get("/").text
        #expect(Self.rows(list) == ["1.129"])
        #expect(list.contains(#"<td class="number named" data-label="Tags">250</td>"#))
        let search = try await fixture.get("/?q=alpine").text
        #expect(Self.rows(search) == (122..<130).reversed().map { "1.\($0)" } && search.contains("and 242 more"))
        try await fixture.serve { server async throws in
            let client = RawClient(try RegistryHost(server.address))
            var tags: Set<String> = []
            for page in 1...2 {
                let html = try await client.get("/?repository=docker.io/library/alpine&page=\(page)").text
                tags.formUnion(html.matches(of: /<a class="tag" href="[^"]*">([^<]*)</).map { String($0.1) })
            }
            #expect(tags.count == 250)
        }
        let some = try await fixture.get("/?repository=docker.io/library/alpine&q=1.7").text
        #expect(some.contains("shown are those with “1.7”: 11 tags of 11 images."))
    }

    @Test("The newest tag is the highest version: a release, not its candidates, and no signature")
    func newest() async throws {
        let signature = "sha256-\(String(repeating: "f", count: 64)).sig"
        let tags = ["3.14.0", "3.14.0-slim", "3.14.0rc2", "3.9", "latest", signature]
        let fixture = try PageFixture(tags.reversed().map { ["python:\($0)"] })
        #expect(Self.rows(try await fixture.get("/").text) == ["3.14.0"])
        let html = try await fixture.get("/?repository=docker.io/library/python").text
        #expect(html.matches(of: /<a class="tag" href="[^"]*">([^<]*)</).map { String($0.1) } == tags)
    }
}
