import ArgumentParser
import FoundationEssentials
import Lifecycle
import OCI
import Sync
import TestSupport
import Testing

@testable import imglife

/// What `docs/configuration.md` says is what the program does.
@Suite(.timeLimit(.minutes(10)))
struct ConfigurationGuideTests {
    private let guide: String

    init() throws {
        let root = String(#filePath).split(separator: "/").dropLast(3).joined(separator: "/")
        let file = try Data(contentsOf: URL(filePath: "/\(root)/docs/configuration.md"))
        guide = String(decoding: file, as: UTF8.self)
    }

    private var examples: [String] {
        guide.split(separator: "```yaml\n").dropFirst().compactMap {
            $0.split(separator: "```\n").first.map(String.init)
        }
    }

    @Test("Its examples are valid, without a warning")
    func validExamples() throws {
        #expect(examples.count == 3)
        for example in examples.dropLast() {
            #expect(try Configuration(yaml: example, file: "imglife.yaml").warnings.isEmpty)
        }
        let data = try #require(examples.last)
        let catalogue = try LifecycleCatalogue(yaml: data, file: "eol-data.yaml")
        #expect(catalogue.products["alpine-linux"]?.cycles.first?.latest == "3.21.5")
    }

    @Test("It has every key of the configuration")
    func keys() throws {
        let validator = try SchemaValidator(ConfigurationSchema.text)
        let places = [
            "", "sync", "sync.entries[]", "sync.hooks", "sync.hooks.post_sync[]", "sync.entries[].lifecycle", "cache",
            "registries.*", "registry", "lifecycle",
        ]
        for place in places {
            let keys = try #require(validator.schema(at: place)?["properties"]?.members?.map(\.key), "\(place)")
            for key in keys {
                #expect(guide.contains("\(key)`") || guide.contains("`\(key)") || guide.contains("\n\(key):"), "\(key)")
            }
        }
    }
}
