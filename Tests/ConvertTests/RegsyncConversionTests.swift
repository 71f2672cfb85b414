import OCI
import Sync
import Testing

@testable import Convert

/// `regsync.yml` becomes a configuration.
@Suite(.timeLimit(.minutes(10)))
struct RegsyncConversionTests {
    private static let file = """
        version: 1
        creds:
          - registry: registry.lab.example:5000
            user: mover
            pass: 'v3ry-s3cret'
            tls: disabled
            reqConcurrent: 3
            repoAuth: true
            reqPerSec: 2.5
            mirrors: [mirror.lab.example]
          - registry: docker.io
            user: someone
            pass: '{{file "/run/secrets/hub"}}'
          - registry: quay.io
            regcert: |
              -----BEGIN CERTIFICATE-----
              aaaa
              -----END CERTIFICATE-----
        defaults:
          interval: 45m
          parallel: 2
          backup: 'old-{{.Ref.Tag}}'
          ratelimit: {min: 20, retry: 15m}
          unheardOf: 1
          cacheTime: 5m
        x-common: &common
          type: repository
          tags:
            allow: ['1\\.\\d+']
        sync:
          - source: busybox:1.36
            target: registry.lab.example:5000/library/busybox:1.36
            type: image
          - <<: *common
            source: quay.io/some/app
            target: registry.lab.example:5000/some/app
            platform: linux/arm64
            referrers: true
            fastCopy: true
            targetTag: '{{.Source.Tag}}-m'
            somethingNew: [1, 2]
          - source: alpine
            target: registry.lab.example:5000/alpine:stable
            type: image
          - source: ghcr.io
            target: registry.lab.example:5000/ghcr
            type: registry
            repos: {allow: ['a/.*']}
          - source: '{{ env "SRC" }}/x'
            target: registry.lab.example:5000/x
            type: repository
          - source: ocidir://backup
            target: registry.lab.example:5000/y
            type: repository
        """

    @Test("Steps become entries, and what cannot be one a comment in its place")
    func entries() throws {
        let converted = try Converted(Self.file)
        #expect(
            converted.entries == [
                "docker.io/library/busybox:1.36 -> registry.lab.example:5000/library/busybox",
                "quay.io/some/app /^(?:1\\.\\d+)$/ -> registry.lab.example:5000/some/app",
            ]
        )
        let app = try #require(converted.configuration.entries.last)
        #expect(app.platforms == [try PlatformPattern("linux/arm64")])
        #expect(app.includesReferrers)
        #expect(converted.configuration.entries.allSatisfy { $0.checksDigest })
        for words in [
            "alpine -> registry.lab.example:5000/alpine:stable: the tag cannot have another name",
            "of the type 'registry'",
            "expand its template first", "ocidir://backup",
        ] {
            #expect(converted.flat.contains("# not converted: ") && converted.flat.contains(words), "\(words)")
        }
    }

    @Test("Registries keep how they are reached; users and passwords are named by their variables alone")
    func registries() throws {
        let converted = try Converted(Self.file)
        let lab = try #require(converted.configuration.registries[RegistryHost("registry.lab.example:5000")])
        #expect(lab.isPlainHTTP)
        #expect(lab.maximumConnections == 3)
        #expect(lab.mirrors == [try RegistryHost("mirror.lab.example")])
        #expect(converted.flat.contains("IMGLIFE_REGISTRY_LAB_EXAMPLE_5000_USERNAME"))
        #expect(converted.flat.contains("IMGLIFE_DOCKER_IO_PASSWORD"))
        for secret in ["v3ry-s3cret", "mover", "/run/secrets/hub", "someone", "BEGIN CERTIFICATE"] {
            #expect(!converted.flat.contains(secret), "\(secret)")
        }
    }

    @Test(
        "Every field without a counterpart is a comment",
        arguments: [
            "interval: 45m", "IMGLIFE_SYNC_PARALLELISM=2", "unheardOf: 1", "backup: old-", "ratelimit: {min: 20",
            "targetTag: ", "somethingNew: [1, 2]", "reqPerSec: 2.5", "'regcert'",
            "'repoAuth'", "cacheTime: 5m", "fastCopy: true",
        ]
    )
    func comments(_ words: String) throws {
        let text = try Converted(Self.file).text
        #expect(text.split(separator: "\n").contains { $0.drop { $0 == " " }.hasPrefix("#") && $0.contains(words) })
    }

    @Test("A step's platform goes before its platforms, and defaults have neither")
    func platforms() throws {
        let converted = try Converted(
            """
            version: 1
            defaults: {platform: linux/s390x, platforms: [linux/ppc64le]}
            sync:
              - {source: quay.io/a/b, target: r.example.com/b, type: repository, platform: linux/amd64,
                 platforms: [linux/amd64, linux/arm64]}
              - {source: quay.io/a/c, target: r.example.com/c, type: repository, platforms: [linux/amd64, linux/arm64]}
              - {source: quay.io/a/d, target: r.example.com/d, type: repository}
            """
        )
        let wanted = converted.configuration.entries.map { $0.platforms.map(\.description) }
        #expect(wanted == [["linux/amd64"], ["linux/amd64", "linux/arm64"], []])
        #expect(converted.flat.contains("# 'platforms' has no effect"))
        #expect(converted.flat.contains("platforms: [linux/ppc64le]': has no counterpart"))
    }

    @Test("Comments stand beside the entry that they are about")
    func places() throws {
        let lines = try Converted(Self.file).text.split(separator: "\n").map(String.init)
        let comment = try #require(lines.firstIndex { $0.contains("somethingNew") })
        let entry = try #require(lines.firstIndex { $0.contains("- source: quay.io/some/app") })
        let before = try #require(lines.firstIndex { $0.contains("- source: docker.io/library/busybox") })
        #expect(before < comment && comment < entry)
    }
}
