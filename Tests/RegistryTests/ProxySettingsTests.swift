import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct ProxySettingsTests {
    private func isProxied(_ url: String, exceptions: String) throws -> Bool {
        let environment = ["HTTPS_PROXY": "http://proxy:3128", "http_proxy": "proxy", "NO_PROXY": exceptions]
        let settings = try ProxySettings(environment: environment)
        return settings.proxy(for: try #require(HTTPURL(url)).origin) != nil
    }

    @Test(
        "NO_PROXY names domains, ports, addresses and networks",
        arguments: [
            ("https://a.example.com/", "", true), ("https://a.example.com/", "example.com", false),
            ("https://example.com/", ".example.com", false), ("https://notexample.com/", "example.com", true),
            ("https://a.example.com/", "*.example.com", false), ("https://h/", "*", false),
            ("https://h:8443/", "h:8443", false), ("https://h/", "h:8443", true),
            ("https://10.1.2.3/", "10.0.0.0/8", false),
            ("https://11.1.2.3/", "10.0.0.0/8", true), ("https://192.168.1.1/", "192.168.1.1", false),
            ("https://[fd00::5]/", "fd00::/8", false), ("https://[fe00::5]/", "fd00::/8", true),
            ("https://h/", "x, H", false), ("http://h/", "", true), ("https://localhost:5000/", "", false),
            ("http://127.0.0.1/", "", false), ("https://[::1]/", "", false),
        ]
    )
    func appliesExceptions(url: String, exceptions: String, expected: Bool) throws {
        #expect(try isProxied(url, exceptions: exceptions) == expected)
    }

    @Test("Lower-case names win, user and password are decoded, and the password does not show")
    func readsProxies() throws {
        let settings = try ProxySettings(environment: [
            "https_proxy": "http://me:p%40ss@low:1", "HTTPS_PROXY": "http://high:2",
        ])
        let proxy = try #require(settings.proxy(for: Origin(scheme: .https, host: "h", port: 443)))
        #expect(proxy.host == "low" && proxy.port == 1 && proxy.user == "me")
        #expect(proxy.password?.revealed == "p@ss")
        #expect(!"\(proxy)".contains("p@ss"))
        #expect(settings.proxy(for: Origin(scheme: .http, host: "h", port: 80)) == nil)
    }

    @Test("Of the exceptions too the lower-case name wins, unless it is empty", arguments: ["h", ""])
    func readsExceptions(lower: String) throws {
        let settings = try ProxySettings(environment: [
            "HTTPS_PROXY": "http://proxy:1", "no_proxy": lower, "NO_PROXY": "x",
        ])
        for host in ["h", "x"] {
            let isDirect = settings.proxy(for: Origin(scheme: .https, host: host, port: 443)) == nil
            #expect(isDirect == (host == (lower.isEmpty ? "x" : "h")), "\(host)")
        }
    }

    @Test("HTTP_PROXY in upper case is ignored behind a web server, where a client could set it")
    func ignoresHeaderVariable() throws {
        let settings = try ProxySettings(environment: ["HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"])
        #expect(settings.proxies.isEmpty)
    }

    @Test("A proxy's address that cannot be used is an error that names the variable, not the value")
    func refusesNonsense() {
        #expect(throws: ProxyError(variable: "https_proxy")) {
            try ProxySettings(environment: ["https_proxy": "socks5://u:secret@h:1"])
        }
    }
}
