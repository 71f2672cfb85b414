import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RegistryHostTests {
    @Test(
        "A host parses into a lower-case name and a port",
        arguments: [
            ("registry.example.com", "registry.example.com", nil),
            ("Registry.EXAMPLE.com", "registry.example.com", nil),
            ("localhost", "localhost", nil), ("localhost:5000", "localhost", 5000), ("a:1", "a", 1),
            ("a:65535", "a", 65535), ("a-b.c-d:443", "a-b.c-d", 443), ("127.0.0.1:5000", "127.0.0.1", 5000),
            ("[::1]", "[::1]", nil), ("[::1]:5000", "[::1]", 5000), ("[2001:DB8::A]:443", "[2001:db8::a]", 443),
            ("[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", nil), ("[::]", "[::]", nil), ("[fe80::]", "[fe80::]", nil),
            ("docker.io:443", "docker.io", 443), ("xn--bcher-kva.example", "xn--bcher-kva.example", nil),
            ("\(String(repeating: "a", count: 63)).b", "\(String(repeating: "a", count: 63)).b", nil),
        ] as [(String, String, Int?)]
    )
    func accepts(text: String, name: String, port: Int?) throws {
        let host = try RegistryHost(text)
        #expect(host.name == name)
        #expect(host.port == port)
        #expect(try RegistryHost(host.description) == host)
    }

    @Test(
        "Anything else is no host",
        arguments: [
            "", ".", "a.", "registry.example.com.", ".a", "a..b", "-a", "a-", "a.-b", "a_b", "a b", "a/b", "a@b",
            "https://a", "user@a", "a:", "a:0", "a:65536", "a:99999999999999999999", "a:-1", "a:+1", "a:1:2", "a:x",
            "a: 1", "a:1 ", "a:１", ":5000", "[", "[\u{301}::1]", "]", "[]", "[::1", "::1", "[::1]x", "[::1]:",
            "[::1]:0", "[1:2]",
            "[:::]", "[::1::]", "[12345::]", "[g::]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4::5:6:7:8]",
            "[:1]", "[1:]", "[fe80::1%eth0]", "[127.0.0.1]", "[::ffff:127.0.0.1]", "é.example", "e\u{301}.example",
            "docker。io", "dоcker.io", "doc\u{212A}er.io", "a\0", "a\n", "a%2f",
            "\(String(repeating: "a", count: 64)).b", String(repeating: "a.", count: 127) + "a",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: ReferenceError.self) { try RegistryHost(text) }
        #expect(error?.kind == .host)
    }

    @Test(
        "Docker Hub's names are one host",
        arguments: [
            "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "Index.DOCKER.io",
        ]
    )
    func foldsDockerHub(text: String) throws {
        #expect(try RegistryHost(text) == .dockerHub)
    }

    @Test(
        "Other hosts are not Docker Hub",
        arguments: ["hub.docker.com", "docker.io:443", "index.docker.io:443", "docker.io.example.com", "xdocker.io"]
    )
    func keepsOthers(text: String) throws {
        #expect(try RegistryHost(text) != .dockerHub)
    }

    @Test(
        "Behind a host the port of HTTPS says nothing, unless it is this machine",
        arguments: [
            ("a.io:443", "a.io"), ("a.io", "a.io"), ("a.io:80", "a.io:80"), ("registry:443", "registry"),
            ("docker.io:443", "docker.io"), ("index.docker.io:443", "docker.io"), ("localhost:443", "localhost:443"),
        ]
    )
    func dropsUsualPort(text: String, expected: String) throws {
        #expect(try RegistryHost(text).withoutUsualPort.description == expected)
    }

    @Test(
        "Only this machine's own names are loopback",
        arguments: [
            ("localhost", true), ("LOCALHOST:5000", true), ("127.0.0.1", true), ("127.0.0.1:80", true),
            ("127.255.255.255", true), ("[::1]:5000", true), ("128.0.0.1", false), ("126.255.255.255", false),
            ("127.0.0.256", false), ("127.0.0", false), ("127.0.0.1.example.com", false), ("127.a.0.1", false),
            ("127.0.0.1.2", false), ("localhost.example.com", false), ("my-localhost", false), ("[::2]", false),
            ("0.0.0.0", false), ("10.0.0.1", false), ("2130706433", false), ("1270.0.0.1", false),
        ]
    )
    func findsLoopback(text: String, isLoopback: Bool) throws {
        #expect(try RegistryHost(text).isLoopback == isLoopback)
    }
}
