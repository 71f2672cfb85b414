import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct ListenAddressTests {
    @Test(
        "An address to listen on is a host and a port",
        arguments: [
            ("127.0.0.1:5050", "127.0.0.1", 5050), ("[::1]:0", "::1", 0), (":80", "", 80),
            ("registry.internal:65535", "registry.internal", 65535),
        ]
    )
    func wellFormed(text: String, host: String, port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == text)
    }

    @Test(
        "What has no port, or no host that could be one, is refused",
        arguments: ["", "5050", "127.0.0.1", "a:65536", "a:-1", "a:+1", "a: 1", "::1:80", "[]:80", "[a b]:1", "a/b:1"]
    )
    func malformed(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
