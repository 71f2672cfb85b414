import OCI
import TestSupport
import Testing

@testable import Serve

/// Paths, names, ranges and pages, without a server.
@Suite(.timeLimit(.minutes(10)))
struct RouteTests {
    @Test(
        "A path is read from the right",
        arguments: [
            ("/v2/", .ping), ("/v2", .ping), ("/v2/_catalog", .catalog),
            ("/v2/a/tags/list", .tags(name: ["a"])),
            ("/v2/a/b/c/manifests/1", .manifest(name: ["a", "b", "c"], reference: "1")),
            ("/v2/a/manifests/b/blobs/x", .blob(name: ["a", "manifests", "b"], digest: "x")),
            ("/v2/tags/list/tags/list", .tags(name: ["tags", "list"])),
            ("/v2/manifests/manifests/manifests", .manifest(name: ["manifests"], reference: "manifests")),
            ("/v2/a/referrers/x", .referrers(name: ["a"], digest: "x")),
            ("/v2/a/blobs/uploads/", .uploads), ("/v2/a/blobs/uploads", .uploads), ("/v2/a/blobs/uploads/1", .uploads),
            ("/v2/%61/tags/list", .tags(name: ["a"])), ("/v2//manifests/1", .manifest(name: [""], reference: "1")),
            ("/healthz", .health), ("/readyz", .readiness), ("/metrics", .metrics), ("/", .page),
            ("/?q=a&page=2", .page),
        ] as [(String, Route)]
    )
    func routes(path: String, route: Route) throws {
        #expect(try #require(RequestTarget(path)).components.isEmpty == false)
        #expect(RequestTarget(path).flatMap { Route($0.components) } == route)
    }

    @Test(
        "Other paths lead nowhere",
        arguments: [
            "/v1/", "//", "/favicon.ico", "/v2/a", "/v2/tags/list", "/v2/a/tags", "/v2/a/tags/list/",
            "/v2/a/manifests/1/",
            "/v3/a/tags/list",
            "/healthz/", "/v2/_catalog/", "//v2/", "/v2/a/../b/tags/list", "/v2/a/./tags/list", "/v2/a%2Fb/tags/list",
            "/v2/a%00/tags/list", "/v2/a%/tags/list", "/v2/a%zz/tags/list", "/v2/%ff/tags/list", "/v2/%2e%2e/tags/list",
        ]
    )
    func nowhere(path: String) {
        #expect(RequestTarget(path).flatMap { Route($0.components) } == nil)
    }

    @Test("Percent signs are decoded once")
    func decodedOnce() throws {
        let target = try #require(RequestTarget("/v2/a/manifests/%2561?last=%2541&n=5&ns=&x"))
        #expect(target.components.last == "%61")
        #expect(target["last"] == "%41" && target["n"] == "5" && target["ns"] == "" && target["x"] == "")
    }

    private static let hosts: Set<RegistryHost> = [
        "docker.io", "quay.io", "registry:5000", "localhost:5000", "127.0.0.1:5001", "[::1]:5001", "[fd00::]", "[::]",
    ]

    @Test(
        "A repository is named with its host in front, with ns, or bare for Docker Hub",
        arguments: [
            ("docker.io/library/alpine", nil, "docker.io/library/alpine"),
            ("docker.io/alpine", nil, "docker.io/library/alpine"),
            ("index.docker.io/library/alpine", nil, "docker.io/library/alpine"),
            ("library/alpine", nil, "docker.io/library/alpine"), ("alpine", nil, "docker.io/library/alpine"),
            ("grafana/grafana", nil, "docker.io/grafana/grafana"), ("quay.io/a/b", nil, "quay.io/a/b"),
            ("quay.io/a", nil, "quay.io/a"), ("QUAY.io/a", nil, "quay.io/a"),
            ("library/alpine", "docker.io", "docker.io/library/alpine"),
            ("alpine", "registry-1.docker.io", "docker.io/library/alpine"), ("a/b", "quay.io", "quay.io/a/b"),
            ("a", "registry:5000", "registry:5000/a"), ("docker.io/x", "quay.io", "quay.io/docker.io/x"),
            ("registry:5000/a/b", nil, "registry:5000/a/b"), ("registry_5000/a/b", nil, "registry:5000/a/b"),
            ("localhost_5000/a", nil, "localhost:5000/a"), ("127.0.0.1_5001/a", nil, "127.0.0.1:5001/a"),
            ("registry_5001/a", nil, "docker.io/registry_5001/a"), ("registry/a", nil, "docker.io/registry/a"),
            ("quay.io/a/b", "quay.io", "quay.io/a/b"), ("registry_5000/a", "registry:5000", "registry:5000/a"),
            ("docker.io/alpine", "docker.io", "docker.io/library/alpine"),
            ("alpine", "docker.io:443", "docker.io/library/alpine"), ("a", "quay.io:443", "quay.io/a"),
            ("quay.io/a", "quay.io:443", "quay.io/a"), ("quay.io:443/a", nil, "quay.io/a"),
            ("quay.io_443/a", nil, "quay.io/a"), ("quay.io", "quay.io", "quay.io/quay.io"),
        ] as [(String, String?, String)]
    )
    func addresses(name: String, namespace: String?, place: String) throws {
        let addressing = Addressing(hosts: Self.hosts)
        let components = name.split(separator: "/").map(String.init)
        let address = try addressing.address(components, namespace: namespace)
        #expect(address.repository.description == place)
        #expect(address.name == name && address.namespace == namespace)
    }

    @Test(
        "Hosts that nobody knows and names outside of the grammar are told apart",
        arguments: [
            ("evil.example/a", nil, .unknownHost("evil.example")), ("localhost/a", nil, .unknownHost("localhost")),
            ("registry:5001/a", nil, .unknownHost("registry:5001")),
            ("registry.lab_5001/a", nil, .unknownHost("registry.lab:5001")), ("a.b_c/a", nil, .invalidName("a.b_c")),
            ("a", "evil.example", .unknownHost("evil.example")),
            ("a", "", .unknownHost("")), ("a", "quay.io/x", .unknownHost("quay.io/x")), ("A", nil, .invalidName("A")),
            ("quay.io/A", nil, .invalidName("A")), ("a//b", nil, .invalidName("a//b")), ("-a", nil, .invalidName("-a")),
            ("a b/c", nil, .invalidName("a b/c")), ("x:y/a", nil, .invalidName("x:y")),
        ] as [(String, String?, AddressError)]
    )
    func noAddress(name: String, namespace: String?, error: AddressError) {
        let components = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        #expect(throws: error) { try Addressing(hosts: Self.hosts).address(components, namespace: namespace) }
    }

    @Test(
        "A listed name leads back to its repository, and is one that clients accept",
        arguments: [
            "docker.io/a/b", "quay.io/a", "registry:5000/a", "127.0.0.1:5001/a", "[::1]:5001/a", "[fd00::]/a", "[::]/a",
        ]
    )
    func listedNames(place: String) throws {
        let repository = try RepositoryReference(place)
        _ = try RepositoryName(repository.listedName)
        let components = repository.listedName.split(separator: "/").map(String.init)
        #expect(try Addressing(hosts: Self.hosts).address(components, namespace: nil).repository == repository)
    }

    @Test(
        "A range is whole, a part, or cannot be satisfied",
        arguments: [
            (nil, 10, .whole), ("bytes=0-4", 10, .part(0..<5)), ("bytes=5-", 10, .part(5..<10)),
            ("bytes=-3", 10, .part(7..<10)),
            ("bytes=-30", 10, .part(0..<10)), ("bytes=0-99", 10, .part(0..<10)), ("bytes=9-9", 10, .part(9..<10)),
            ("bytes=10-", 10, .unsatisfiable), ("bytes=10-12", 10, .unsatisfiable), ("bytes=5-4", 10, .unsatisfiable),
            ("bytes=500-0", 1000, .unsatisfiable), ("bytes=-0", 10, .unsatisfiable), ("bytes=0-", 0, .unsatisfiable),
            ("bytes=-1", 0, .unsatisfiable), ("bytes=99999999999999999999-", 10, .unsatisfiable),
            ("bytes=0-99999999999999999999", 10, .part(0..<10)), ("bytes=-99999999999999999999", 10, .part(0..<10)),
            ("bytes=9223372036854775807-9223372036854775807", 10, .unsatisfiable), ("BYTES=0-1", 10, .part(0..<2)),
            ("bytes=0-1,3-4", 10, .whole), ("bytes=0-0,0-0,0-0", 10, .whole), ("bytes=", 10, .whole),
            ("bytes=-", 10, .whole),
            ("bytes=a-b", 10, .whole), ("bytes=1", 10, .whole), ("bytes=+1-2", 10, .whole), ("bytes=0x1-2", 10, .whole),
            ("items=0-1", 10, .whole), ("bytes 0-1", 10, .whole), ("bytes=1--2", 10, .whole), ("", 10, .whole),
        ] as [(String?, Int64, RangeRequest)]
    )
    func ranges(text: String?, size: Int64, range: RangeRequest) {
        #expect(RangeRequest(text, size: size) == range)
    }

    @Test(
        "A page begins after the last name and holds no more than asked for",
        arguments: [
            ("", ["B", "a", "b", "c"], false), ("n=2", ["B", "a"], true), ("n=4", ["B", "a", "b", "c"], false),
            ("n=2&last=a", ["b", "c"], false), ("last=aa", ["b", "c"], false), ("last=Z", ["a", "b", "c"], false),
            ("n=0", [], false), ("n=1&last=c", [], false), ("n=99999999999999999999", ["B", "a", "b", "c"], false),
            ("n=1&last=\(String(repeating: "z", count: 4000))", [], false),
        ] as [(String, [String], Bool)]
    )
    func pages(query: String, names: [String], hasMore: Bool) throws {
        let paging = try #require(RequestTarget("/x?\(query)").flatMap(Paging.init))
        let page = paging.page(of: ["B", "a", "b", "c"])
        #expect(Array(page.names) == names && page.hasMore == hasMore)
        #expect(paging.count.map { $0 <= Paging.maximum } ?? !query.contains("n="))
    }

    @Test("Without a number a page holds what containers/image reads, and its link stays below a proxy's path")
    func longPages() throws {
        let names = (10_000..<50_000).map { "\($0)" + String(repeating: "x", count: 123) }
        let target = try #require(RequestTarget("/v2/app/tags/list"))
        let paging = try #require(Paging(target))
        #expect(paging.page(of: Array(names.prefix(20_000))).hasMore == false)
        var listed: [String] = []
        var next: String? = "?"
        while let query = next {
            let target = try #require(RequestTarget("/v2/app/tags/list\(query)"))
            let paging = try #require(Paging(target))
            let page = paging.page(of: names)
            let size = page.names.reduce(64) { $0 + $1.utf8.count + 3 }
            #expect(size < 4 << 20 && !page.names.isEmpty)
            listed += page.names
            let link = paging.link(path: "/v2/app/tags/list", after: page.names.last ?? "", target)
            next = page.hasMore ? "?\(link.split(separator: "?")[1].prefix { $0 != ">" })" : nil
        }
        #expect(listed == names)
        for (prefix, path) in [
            (nil, ""), ("/mirror", "/mirror"), ("/a/b-c/", "/a/b-c"), ("mirror", ""), ("//evil.example", ""),
            ("/a>b", ""),
            ("/a, /b", ""), ("/", ""),
        ] as [(String?, String)] {
            for count in ["", "n=2&"] {
                let paging = try #require(RequestTarget("/v2/app/tags/list?\(count)").flatMap(Paging.init))
                let link = paging.link(path: "/v2/app/tags/list", after: "1", target, prefix: prefix)
                #expect(link == "<\(path)/v2/app/tags/list?\(count)last=1>; rel=\"next\"")
            }
        }
    }

    @Test("A number of entries that is none is refused", arguments: ["n=", "n=-1", "n=x", "n=1.5", "n=+1"])
    func badPages(query: String) throws {
        #expect(Paging(try #require(RequestTarget("/x?\(query)"))) == nil)
    }
}
