import OCI
import Sync
import Testing

@testable import Convert

/// The files of skopeo, dregsy and image-syncer become configurations.
@Suite(.timeLimit(.minutes(10)))
struct ToolConversionTests {
    private static let skopeo = """
        registry.example.org:
          images:
            tools/shell: []
            redis: ["6.2", "7.0", "sha256:1111111111111111111111111111111111111111111111111111111111111111"]
          images-by-tag-regex:
            nginx: ^1\\.2[1-3]-alpine$
          images-by-semver:
            alpine: ">= 3.12.0, < 4"
          credentials: {username: carol, password: hush-hush}
          tls-verify: true
          cert-dir: /home/carol/certs
        quay.io:
          tls-verify: false
          images:
            coreos/etcd: [latest]
        """

    @Test("skopeo's registries, with targets by their last component")
    func skopeo() throws {
        let converted = try Converted(Self.skopeo, target: "mirror.example.com/all/")
        #expect(
            converted.entries == [
                "registry.example.org/tools/shell /./ -> mirror.example.com/all/shell",
                "registry.example.org/redis:6.2 -> mirror.example.com/all/redis",
                "registry.example.org/redis:7.0 -> mirror.example.com/all/redis",
                "registry.example.org/nginx /^1\\.2[1-3]-alpine$/ -> mirror.example.com/all/nginx",
                converted.entries[4],
                "quay.io/coreos/etcd:latest -> mirror.example.com/all/etcd",
            ]
        )
        #expect(try converted.tags(of: ["3.11.9", "3.12.0", "3.20", "4.0.0", "3.13.0-rc1"]).contains("3.12.0"))
        #expect(converted.flat.contains("# not converted: registry.example.org/redis at 'sha256:1111"))
        #expect(converted.flat.contains("IMGLIFE_REGISTRY_EXAMPLE_ORG_USERNAME"))
        #expect(converted.flat.contains("'tls-verify: false'") && converted.flat.contains("/home/carol/certs"))
        #expect(!converted.flat.contains("hush-hush") && !converted.flat.contains("username: carol"))
        #expect(try Converted(Self.skopeo, isScoped: true).text.contains("mirrors/quay.io/coreos/etcd"))
    }

    private static let dregsy = """
        relay: skopeo
        skopeo: {binary: skopeo, certs-dir: /etc/skopeo/certs.d}
        tasks:
          - name: nightly
            interval: 300
            verbose: true
            source:
              registry: source.example.org
              auth: eyJ1c2VybmFtZSI6ICJhbGV4In0=
            target: {registry: "127.0.0.1:5000", skip-tls-verify: true, auth: none}
            mappings:
              - {from: team/app, to: /archive/app, tags: ['0.1.0', '0.1.1']}
              - from: team/tool
              - from: team/busy
                platform: linux/arm64/v8
                tags: ['semver: >=1.31.0 <1.31.9', 'regex: 1\\.26\\.[0-9]-(glibc|musl)', '1.29.4', latest]
              - {from: team/not, tags: ['regex: !.*-rc.*']}
              - {from: team/kept, tags: ['semver: >=1.0.0', 'keep: .*-alpine'], future: yes}
              - {from: 'regex:team/.*', to: all}
        """

    @Test("dregsy's tasks and mappings")
    func dregsy() throws {
        let converted = try Converted(Self.dregsy)
        #expect(
            converted.entries.enumerated().filter { $0.offset != 3 }.map(\.element) == [
                "source.example.org/team/app:0.1.0 -> 127.0.0.1:5000/archive/app",
                "source.example.org/team/app:0.1.1 -> 127.0.0.1:5000/archive/app",
                "source.example.org/team/tool /./ -> 127.0.0.1:5000/team/tool",
                "source.example.org/team/not /./ -> 127.0.0.1:5000/team/not",
            ]
        )
        let busy = converted.configuration.entries[3]
        #expect(busy.platforms == [try PlatformPattern("linux/arm64/v8")])
        guard case .pattern(let pattern) = busy.selection else { return #expect(Bool(false), "an expression") }
        let tags = ["1.31.0", "1.31.9", "1.26.2-musl", "1.26.2-musl2", "1.29.4", "1.29.40", "latest", "latest-1"]
        #expect(
            try tags.filter { try pattern.matches(TagName($0)) } == ["1.31.0", "1.26.2-musl", "1.29.4", "latest"]
        )
        guard case .pattern(let others) = converted.configuration.entries[4].selection else {
            return #expect(Bool(false), "an expression")
        }
        #expect(try ["1.0", "1.0-rc1"].filter { try others.matches(TagName($0)) } == ["1.0"])
        for words in [
            "'keep:' beside", "regex:team/.* -> all", "--every 300s", "'skip-tls-verify: true'", "task nightly",
            "relay: skopeo", "verbose: true",
        ] {
            #expect(converted.flat.contains(words), "\(words)")
        }
        #expect(!converted.flat.contains("eyJ1c2Vy"))
    }

    @Test("image-syncer's rules may name images of Docker Hub without a path")
    func bareNames() throws {
        let converted = try Converted("{\"alpine\": [\"r.example/a\"], \"redis\": \"\"}", format: .imageSyncer)
        #expect(
            converted.entries.map { String($0.prefix { $0 != "/" }) + $0.suffix(1) } == ["docker.ioa", "docker.ios"],
            "\(converted.entries)"
        )
        #expect(converted.entries.first == "docker.io/library/alpine /./ -> r.example/a")
    }

    @Test("What is no destination is told, and takes nothing away from the others")
    func noDestination() throws {
        let converted = try Converted("{\"alpine\": \"r.example/a\", \"redis\": {\"a\": \"b\"}}", format: .imageSyncer)
        #expect(converted.entries.count == 1)
        #expect(converted.flat.contains("not converted: 'redis: {a: b}': its destination is no image"))
    }

    @Test("image-syncer's rules and access, apart and in one file, as YAML and as JSON")
    func imageSyncer() throws {
        let rules = """
            quay.io/coreos/proxy: quay.io/other/proxy
            quay.io/coreos/proxy:v1.0: [quay.io/other/proxy, registry.example.com/proxy:v1.0]
            quay.io/coreos/proxy:v1.0,v2.0: registry.example.com/two
            quay.io/coreos/proxy:/v3.*/: registry.example.com/three
            quay.io/coreos/etcd:v9: registry.example.com/etcd:nine
            """
        let access = """
            {"quay.io": {"username": "dora", "password": "${SECRET}"}, "registry.example.com": {"insecure": true}}
            """
        let converted = try Converted(rules, access)
        #expect(
            converted.entries == [
                "quay.io/coreos/proxy /./ -> quay.io/other/proxy",
                "quay.io/coreos/proxy:v1.0 -> quay.io/other/proxy",
                "quay.io/coreos/proxy:v1.0 -> registry.example.com/proxy",
                "quay.io/coreos/proxy:v1.0 -> registry.example.com/two",
                "quay.io/coreos/proxy:v2.0 -> registry.example.com/two",
                "quay.io/coreos/proxy /v3.*/ -> registry.example.com/three",
            ]
        )
        #expect(converted.flat.contains("the tag cannot have another name at the target"))
        #expect(try converted.configuration.registries[RegistryHost("registry.example.com")]?.isPlainHTTP == true)
        #expect(!converted.flat.contains("dora"))
        let both = try Converted(
            #"{"auth": {"quay.io": {"username": "a"}}, "images": {"quay.io/a/b:1": "", "quay.io/a/c": "r.io/c"}}"#
        )
        #expect(
            both.entries == ["quay.io/a/b:1 -> registry.example.com/mirrors/a/b", "quay.io/a/c /./ -> r.io/c"]
        )
    }
}
