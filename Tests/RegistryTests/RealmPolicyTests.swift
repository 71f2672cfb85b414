import OCI
import TestSupport
import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct RealmPolicyTests {
    private func verdict(_ realm: String, _ registry: String) throws -> String {
        let registry = try #require(HTTPURL(registry)).origin
        guard let realm = HTTPURL(realm) else { return "refused" }
        switch RealmPolicy.verdict(realm: realm.origin, registry: registry) {
        case .credentials: return "credentials"
        case .anonymous: return "anonymous"
        case .refused: return "refused"
        }
    }

    @Test(
        "Credentials go to token services of the registry's own organisation only",
        arguments: [
            ("https://registry.example.com/token", "credentials"),
            ("https://registry.example.com:8443/t", "credentials"),
            ("https://auth.example.com/t", "credentials"), ("https://example.com/jwt/auth", "credentials"),
            ("https://example.org/t", "anonymous"), ("https://registry.example.com.evil.org/t", "anonymous"),
            ("https://93.184.216.34/t", "anonymous"), ("http://registry.example.com/token", "refused"),
            ("https://user@registry.example.com/", "refused"), ("https://127.0.0.1/t", "refused"),
            ("https://localhost/t", "refused"), ("https://169.254.169.254/latest", "refused"),
            ("https://[::ffff:169.254.169.254]/", "refused"), ("https://[::1]/", "refused"),
            ("https://10.1.2.3/", "refused"), ("https://172.16.0.1/", "refused"), ("https://172.31.255.1/", "refused"),
            ("https://172.32.0.1/", "anonymous"), ("https://192.168.1.1/", "refused"),
            ("https://100.64.0.1/", "refused"), ("https://100.127.255.1/", "refused"),
            ("https://100.128.0.1/", "anonymous"), ("https://auth.localhost/t", "refused"),
            ("https://2130706433/", "refused"), ("https://0177.0.0.1/", "refused"), ("https://0x7f.1/", "refused"),
            ("https://0x7f000001/", "refused"),
            ("https://0.0.0.0/", "refused"), ("https://[fe80::1]/", "refused"), ("https://[fd00::1]/", "refused"),
            ("ftp://registry.example.com/", "refused"), ("token", "refused"),
        ]
    )
    func judges(realm: String, expected: String) throws {
        #expect(try verdict(realm, "https://registry.example.com") == expected)
    }

    @Test("Docker Hub's token service is its own, and neighbours under a country's domain are not")
    func knowsNeighbours() throws {
        #expect(try verdict("https://auth.docker.io/token", "https://registry-1.docker.io") == "credentials")
        #expect(try verdict("https://evil.co.uk/t", "https://shop.co.uk") == "anonymous")
        #expect(try verdict("https://auth.shop.co.uk/t", "https://shop.co.uk") == "credentials")
        #expect(try verdict("https://evil.azurecr.io/t", "https://mine.azurecr.io") == "anonymous")
        #expect(try verdict("https://x.evil.github.io/t", "https://y.evil.github.io") == "anonymous")
        #expect(try verdict("https://mine.azurecr.io:8443/t", "https://mine.azurecr.io") == "credentials")
    }

    @Test("A registry on this machine may have its token service here, over plain HTTP if it is itself")
    func allowsLoopbackForLoopback() throws {
        #expect(try verdict("http://127.0.0.1:6000/t", "http://127.0.0.1:5000") == "credentials")
        #expect(try verdict("http://localhost:6000/t", "http://127.0.0.1:5000") == "credentials")
        #expect(try verdict("http://127.0.0.1:6000/t", "https://127.0.0.1:5000") == "refused")
    }

    @Test("The clouds' metadata services are nobody's token service, not even a private registry's")
    func refusesMetadata() throws {
        for address in ["100.100.100.200", "169.254.169.254"] {
            #expect(try verdict("https://\(address)/t", "https://10.1.2.3") == "refused")
        }
        #expect(try verdict("https://100.100.100.201/t", "https://10.1.2.3") == "anonymous")
    }

    @Test("A token service that the settings name without a port may have any, one with a port that one alone")
    func namesServices() throws {
        let challenge = try #require(Challenge.parse(["Bearer realm=\"https://auth.example.org:8443/t\""]).first)
        let url = try #require(HTTPURL("https://registry.example.com/v2/"))
        for (named, isShown) in [
            ("auth.example.org", true), ("auth.example.org:8443", true), ("auth.example.org:9443", false),
        ] as [(RegistryHost, Bool)] {
            #expect(try TokenService(challenge, at: url, trusted: [named]).maySeeCredentials == isShown)
        }
    }
}
