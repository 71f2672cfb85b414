import Lifecycle
import OCI
import Sync
import TestSupport
import Testing
import YAML

@Suite(.timeLimit(.minutes(10)))
struct ConfigurationTests {
    static let full = #"""
        sync:
          platforms: [linux/amd64, linux/arm64]
          hooks:
            post_sync:
              - cmd: notify-team.sh
                timeout: 30s
                continue_on_error: true
          entries:
            - source: docker.io/library/alpine
              tag_regex: '^3\.\d+\.\d+$'
              keep_last: 3
              target: registry.example.com/mirrors/alpine
              lifecycle: { product: alpine, track: minor }
            - source: ghcr.io/acme/tool
              target: registry.example.com/mirrors/tool
              tag: 3.10
              os_normalize: yes
              check_digest: On
              platforms: []
              referrers: true
              hooks:
                post_sync: [{ cmd: 'echo "$IMGLIFE_TAGS"' }]
        cache:
          path: var/blobs
          max_size: 50GiB
        registries:
          index.docker.io:
            hub_api: http://127.0.0.1:8080/
            max_connections: 4
            mirrors: [mirror.gcr.io, mirror.gcr.io, cache.example.com:5000]
          registry.example.com:
            endpoint: https://Registry.example.com:5443/prefix/
            ca_file: certs/ca.pem
        registry:
          url: http://plain.example.com/path
          insecure_registries: ["registry.example.com:5000"]
          anything: { else: [is, not, ours] }
        lifecycle:
          eol_provider: local
          eol_data_file: eol.yaml
          eol_url: https://eol.example.com
        build: [whatever]
        retention: 7
        status:
        """#

    @Test("Every field of a full configuration arrives as its type")
    func fullConfiguration() throws {
        let configuration = try Configuration(yaml: Self.full, file: "conf/imglife.yaml")
        #expect(configuration.entries.count == 2)
        let hook = Hook(command: "notify-team.sh", timeout: .seconds(30), continuesOnError: true)
        #expect(configuration.hooks == [.postSync: [hook]])
        #expect(configuration.cache == CacheOptions(path: "var/blobs", maximumSize: ByteSize(bytes: 50 << 30)))
        #expect(configuration.lifecycle.provider == .local)
        #expect(configuration.lifecycle.dataFile == "eol.yaml")
        #expect(configuration.lifecycle.baseURL?.description == "https://eol.example.com")
        #expect(configuration.warnings.isEmpty)
    }

    @Test("An entry takes the default platforms, and its own hooks and life cycle")
    func firstEntry() throws {
        let entry = try #require(Configuration(yaml: Self.full, file: "imglife.yaml").entries.first)
        #expect(entry.source.description == "docker.io/library/alpine")
        #expect(entry.target.description == "registry.example.com/mirrors/alpine")
        #expect(entry.keepLast == 3)
        #expect(entry.platforms.map(\.description) == ["linux/amd64", "linux/arm64"])
        #expect(entry.lifecycle == LifecycleTracking(product: "alpine", track: .minor))
        #expect(entry.hooks.isEmpty)
        #expect(!entry.normalizesOS && !entry.checksDigest && !entry.includesReferrers)
        #expect(entry.position == SourcePosition(line: 9, column: 7))
        guard case .pattern(let pattern) = entry.selection else {
            Issue.record("expected a pattern")
            return
        }
        #expect(pattern.description == #"^3\.\d+\.\d+$"#)
    }

    @Test("An explicit empty list of platforms overrides the default, and a tag keeps its text")
    func secondEntry() throws {
        let entry = try #require(Configuration(yaml: Self.full, file: "imglife.yaml").entries.last)
        #expect(entry.platforms.isEmpty)
        #expect(entry.normalizesOS && entry.checksDigest && entry.includesReferrers)
        #expect(entry.hooks[.postSync] == [Hook(command: "echo \"$IMGLIFE_TAGS\"", timeout: .seconds(60))])
        guard case .tag(let tag) = entry.selection else {
            Issue.record("expected a tag")
            return
        }
        #expect(tag.description == "3.10")
    }

    @Test("A registry's options gather under its folded host, from all three sections")
    func registries() throws {
        let registries = try Configuration(yaml: Self.full, file: "imglife.yaml").registries
        let hub = try #require(registries[.dockerHub])
        #expect(hub.hubAPI?.description == "http://127.0.0.1:8080")
        #expect(hub.maximumConnections == 4)
        #expect(hub.mirrors.map(\.description) == ["mirror.gcr.io", "cache.example.com:5000"])
        let target = try #require(registries[RegistryHost("registry.example.com")])
        #expect(target.endpoint?.description == "https://registry.example.com:5443/prefix")
        #expect(target.caFile == "certs/ca.pem")
        #expect(!target.isPlainHTTP)
        #expect(registries[RegistryHost("plain.example.com")]?.isPlainHTTP == true)
        #expect(registries[RegistryHost("registry.example.com:5000")]?.isPlainHTTP == true)
        #expect(registries.count == 4)
    }

    @Test(
        "Tags keep the text that was written, quoted or not",
        arguments: [
            "3.10", "022", "no", "1e3", "0x10", "true", "2024-01-15", "'3.10'", "\"3.10\"", "1_000", "!!str 3.10",
            "!!float 3.10",
        ]
    )
    func tagText(written: String) throws {
        let configuration = try Configuration(yaml: Self.minimal(tag: written), file: "imglife.yaml")
        guard case .tag(let tag) = configuration.entries[0].selection else {
            Issue.record("expected a tag")
            return
        }
        let bare = written.split(separator: " ").last ?? ""
        #expect(tag.description == bare.trimming("'\""))
    }

    @Test(
        "Paths are taken relative to the configuration file",
        arguments: [
            ("imglife.yaml", "var", "var"), ("conf/imglife.yaml", "var", "conf/var"),
            ("/etc/imglife.yaml", "a/b", "/etc/a/b"),
            ("/imglife.yaml", "var", "/var"), ("-", "var", "var"), ("conf/imglife.yaml", "/var", "/var"),
            ("./imglife.yaml", "var", "var"),
        ]
    )
    func paths(file: String, path: String, resolved: String) throws {
        let configuration = try Configuration(yaml: Self.minimal(tag: "1"), file: file)
        #expect(configuration.resolve(path) == resolved)
    }

    @Test(
        "A sibling tool's registry is plain HTTP where its address says so",
        arguments: [("http://a.io", true), ("HTTP://a.io", true), ("https://a.io", false), ("a.io", false)]
    )
    func siblingsRegistry(url: String, isPlain: Bool) throws {
        let yaml = Self.minimal(tag: "1") + "\nregistry: {url: '\(url)'}\n"
        let registries = try Configuration(yaml: yaml, file: "imglife.yaml").registries
        #expect((registries["a.io"]?.isPlainHTTP ?? false) == isPlain)
    }

    @Test("Null means absent for every optional field")
    func nulls() throws {
        let yaml = """
            sync:
              platforms: [linux/amd64]
              hooks: ~
              entries:
                - source: a.io/b
                  target: c.io/d
                  tag: "1"
                  tag_regex:
                  keep_last: null
                  os_normalize:
                  check_digest: ~
                  platforms:
                  lifecycle:
                  hooks: { post_sync: }
                  referrers: Null
            cache:
            registries: { a.io: , c.io: { endpoint: } }
            registry:
            lifecycle: { eol_url: }
            """
        let configuration = try Configuration(yaml: yaml, file: "imglife.yaml")
        #expect(configuration.entries[0].platforms.map(\.description) == ["linux/amd64"])
        #expect(configuration.lifecycle == LifecycleOptions())
        #expect(configuration.cache == CacheOptions())
    }

    @Test("Aliases and merge keys work, and a mapping's own keys win")
    func aliases() throws {
        let yaml = """
            build:
              common: &common { target: c.io/d, keep_last: 2, tag_regex: x }
            sync:
              entries:
                - <<: *common
                  source: a.io/b
                  keep_last: 5
                - <<: [{ source: e.io/f }, *common]
            """
        let entries = try Configuration(yaml: yaml, file: "imglife.yaml").entries
        #expect(entries.map(\.keepLast) == [5, 2])
        #expect(entries.map(\.source.description) == ["a.io/b", "e.io/f"])
    }

    @Test("A byte order mark counts for nothing, also where columns are counted", arguments: ["\n", "\r\n"])
    func byteOrderMark(end: String) throws {
        let lines = ["sync: {entries: [{source: a.io/b, target: c.io/d, tag: t}]}", "cache: {path: c}", ""]
        let yaml = "\u{FEFF}" + lines.joined(separator: end)
        let configuration = try Configuration(yaml: yaml, file: "imglife.yaml")
        #expect(configuration.entries.count == 1 && configuration.cache.path == "c")
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration(yaml: yaml.replacing("tag: t", with: "tga: t"), file: "imglife.yaml")
        }
        #expect(error?.problems.contains { $0.position == SourcePosition(line: 1, column: 51) } == true)
    }

    @Test("The old name of a field and a field without effect are warnings with their place")
    func warnings() throws {
        let yaml = """
            sync:
              entries:
                - source: a.io/b
                  target: c.io/d
                  tag: 1
                  keep_last: 2
                  lifecycle: { product: x, extract: major }
            """
        let configuration = try Configuration(yaml: yaml, file: "imglife.yaml")
        #expect(configuration.entries[0].lifecycle?.track == .major)
        #expect(
            configuration.warnings.map(\.description) == [
                "imglife.yaml:6:18: sync.entries[0].keep_last: has no effect beside a fixed tag",
                "imglife.yaml:7:41: sync.entries[0].lifecycle.extract: is the old name of 'track'; write 'track'",
            ]
        )
    }

    static func minimal(tag: String) -> String {
        """
        sync:
          entries:
            - source: a.io/b
              target: c.io/d
              tag: \(tag)
        """
    }

    @Test("A fixed tag that os_normalize may rename is not taken for one that keeps its name")
    func renamedTags() throws {
        let text =
            Self.minimal(tag: "alpine") + "\n    - {source: a.io/c, target: c.io/d, tag: alpine, os_normalize: true}"
        #expect(try Configuration(yaml: text, file: "imglife.yaml").entries.count == 2)
    }
}

extension StringProtocol {
    func trimming(_ characters: String) -> String {
        var text = Substring(self)
        while let first = text.first, characters.contains(first) { text.removeFirst() }
        while let last = text.last, characters.contains(last) { text.removeLast() }
        return String(text)
    }
}
