import Sync
import Testing
import YAML

@Suite(.timeLimit(.minutes(10)))
struct ConfigurationNeedsTests {
    private static let entry = """
        sync:
          entries: [{source: docker.io/library/alpine, target: r.example.com/alpine, tag: "3"}]

        """

    @Test(
        "Whoever copies nothing needs neither 'sync' nor entries",
        arguments: ["", "# nothing yet\n", "{}", "registries: {ghcr.io: {}}", "sync: {}", "sync: {entries: []}"]
    )
    func needless(yaml: String) throws {
        #expect(try Configuration(yaml: yaml, file: "imglife.yaml", needsEntries: false).entries.isEmpty)
        #expect(throws: ConfigurationError.self) { try Configuration(yaml: yaml, file: "imglife.yaml") }
    }

    @Test("What stands in a file that needs no entries is read as strictly")
    func strict() {
        let yaml = "registries: {ghcr.io: {plain_http: maybe}}\nsync: {entries: [{source: a.io/b, tag: x}]}\nsnyc: 1"
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration(yaml: yaml, file: "imglife.yaml", needsEntries: false)
        }
        #expect(
            error?.problems.map(\.path) == ["registries.ghcr.io.plain_http", "sync.entries[0]", "snyc"]
        )
    }

    @Test("Keys of one's own begin with 'x-', at the top only")
    func ownKeys() throws {
        let yaml = "x-common: &p {platforms: [linux/amd64], secret: '${S}'}\nx-: [1]\n" + Self.entry
        #expect(try Configuration(yaml: yaml, file: "imglife.yaml").warnings.isEmpty)
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration(yaml: Self.entry + "cache: {x-mine: 1}", file: "imglife.yaml")
        }
        #expect(error?.problems.map(\.path) == ["cache.x-mine"])
    }

    @Test(
        "A value that looks like a variable gets a warning with the variable that is read",
        arguments: [
            ("cache: {path: '${CACHE_DIR}/x'}", "cache.path", "CACHE_DIR", "IMGLIFE_CACHE_DIR"),
            ("registries: {a.io: {ca_file: '${CA:-/ca.pem}'}}", "registries.a.io.ca_file", "CA", "IMGLIFE_<HOST>_"),
            ("lifecycle: {eol_data_file: 'a${B}'}", "lifecycle.eol_data_file", "B", "IMGLIFE_CONFIG"),
        ]
    )
    func substitution(yaml: String, path: String, name: String, advice: String) throws {
        let warnings = try Configuration(yaml: Self.entry + yaml, file: "imglife.yaml").warnings
        #expect(warnings.map(\.path) == [path])
        let message = try #require(warnings.first).message
        #expect(message.hasPrefix("'${\(name)}' is not substituted") && message.contains(advice))
    }

    @Test(
        "A path that only a shell understands gets a warning",
        arguments: [
            ("cache: {path: ~/cache}", "cache.path", "~/"), ("cache: {path: '~'}", "cache.path", "~"),
            ("registries: {a.io: {ca_file: ~root/ca.pem}}", "registries.a.io.ca_file", "~root/"),
            ("lifecycle: {eol_data_file: ~/eol.yaml}", "lifecycle.eol_data_file", "~/"),
        ]
    )
    func home(yaml: String, path: String, start: String) throws {
        let warnings = try Configuration(yaml: Self.entry + yaml, file: "imglife.yaml").warnings
        #expect(warnings.map(\.path) == [path])
        let message = try #require(warnings.first).message
        #expect(message.hasPrefix("'\(start)' is not substituted; write the whole path"), "\(message)")
    }

    @Test(
        "A tilde elsewhere means itself",
        arguments: ["cache: {path: a~/b}", "cache: {path: ./~}", "x-a: {path: ~/b}"]
    )
    func tilde(yaml: String) throws {
        #expect(try Configuration(yaml: Self.entry + yaml, file: "imglife.yaml").warnings.isEmpty)
    }

    @Test("A field that must be something else says so of a variable too")
    func misplaced() throws {
        let yaml = "sync: {entries: [{source: '${REGISTRY}/alpine', target: a.io/b, tag: x}]}"
        let error = #expect(throws: ConfigurationError.self) { try Configuration(yaml: yaml, file: "imglife.yaml") }
        #expect(error?.problems.first?.message.contains("'${REGISTRY}' is not substituted") == true)
    }

    @Test("Commands are the shell's, and sections of other tools are theirs")
    func shell() throws {
        let hooks = "  hooks: {post_sync: [{cmd: 'echo ${IMGLIFE_TAGS}'}]}\nbuild: '${X}'\nstatus: {a: ['${Y}']}"
        #expect(try Configuration(yaml: Self.entry + hooks, file: "imglife.yaml").warnings.isEmpty)
    }
}
