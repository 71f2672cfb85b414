import OCI
import Sync
import Testing

@testable import imglife

/// Which registries a server asks that reads its configuration again.
@Suite(.timeLimit(.minutes(5)))
struct AskedRegistriesTests {
    private func configuration(entry: String, registry: String) throws -> Configuration {
        let text = """
            sync: {entries: [{source: '\(entry)/a', target: other.test/b, tag: '1'}]}
            registries: {'\(registry)': {endpoint: 'https://there.test'}}
            """
        return try Configuration(yaml: text, file: "imglife.yaml")
    }

    @Test("A registry is the same under both of its names", arguments: ["r.test", "r.test:443"])
    func names(registry: String) throws {
        let asked = AskedRegistries(try configuration(entry: "r.test", registry: registry))
        #expect(asked.isSource(try RepositoryReference("r.test:443/a")))
        #expect(try asked.follow(configuration(entry: "r.test:443", registry: "r.test")).isEmpty)
        #expect(asked.isSource(try RepositoryReference("r.test/a")))
    }
}
