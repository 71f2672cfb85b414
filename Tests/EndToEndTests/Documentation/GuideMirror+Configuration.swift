import OCI
import TestSupport

extension GuideMirror {
    /// Every field that there is, with the hosts that the guide uses.
    var configuration: String {
        """
        sync:
          platforms: [linux/amd64, linux/arm64]
          hooks:
            post_sync:
              - cmd: echo "run $IMGLIFE_STATUS $IMGLIFE_SYNCED $IMGLIFE_UP_TO_DATE $IMGLIFE_ERRORS" >>hooks.txt
                timeout: 30s
                continue_on_error: true
          entries:
            - source: docker.io/library/alpine
              tag_regex: '^3\\.\\d+\\.\\d+$'
              keep_last: 3
              target: registry.example.com/mirrors/alpine
              lifecycle: {product: alpine-linux, track: minor}
            - source: docker.io/golang
              tag_regex: '^alpine3\\.\\d+$'
              os_normalize: true
              check_digest: true
              target: registry.example.com/mirrors/golang
              hooks:
                post_sync:
                  - cmd: echo "golang $IMGLIFE_TAGS" >>hooks.txt
                    continue_on_error: no
            - source: quay.io/prometheus/node-exporter
              tag: v1.9.1
              target: registry.example.com/mirrors/node-exporter
              platforms: []
              referrers: true
            - source: registry.lab.example:5000/one
              tag: 2.7
              target: registry.example.com/mirrors/one
              platforms: [linux/s390x]
              lifecycle: {product: tool, extract: major}
            - {source: plain.lab.example/two, tag_regex: ., tag_exclude: never, target: registry.example.com/mirrors/two}
            - {source: url.lab.example/three, tag_regex: ., target: registry.example.com/mirrors/three}

        cache:
          path: mirror-cache
          max_size: 1GiB
          min_free: 1MiB

        registries:
          registry.example.com:
            endpoint: \(target.url)
            ca_file: private-ca.pem
            auth_realms: [auth.example.com]
          quay.io:
            endpoint: \(quay.url)
            max_connections: 4
            mirrors: ['\(mirror.host)']
          docker.io:
            endpoint: \(hub.url)
            hub_api: \(hub.url)
          plain.lab.example:
            plain_http: true

        registry:
          url: http://url.lab.example
          insecure_registries: ['registry.lab.example:5000']
          project: ignored

        lifecycle:
          eol_provider: endoflife
          eol_data_file: eol.yaml
          eol_url: \(service.url)

        build: {anything: [1, 2]}
        retention: {keep: 5}
        status: [ignored]
        """
    }

    /// The target's tags: what a run brings about.
    var expected: [String: [String: String]] {
        get throws {
            let alpine = try [("3.21.5", 104), ("3.21.4", 103), ("3.20.3", 102)].map { tag, seed in
                (tag, try Self.reduced(Self.image(UInt64(seed))).description)
            }
            let old = Self.image(201, annotations: ["org.opencontainers.image.version": "1.21.9"])
            let tool = Self.image(300)
            return [
                "mirrors/alpine": Dictionary(uniqueKeysWithValues: alpine),
                "mirrors/golang": [
                    "1.22-alpine3.21": try Self.reduced(Self.image(200)).description,
                    "1.21-alpine3.20": try Self.reduced(old).description,
                ],
                "mirrors/node-exporter": [
                    "v1.9.1": Self.exporter.digest.description,
                    "sha256-\(Self.exporter.digest.hex).sig": Self.signature.digest.description,
                ],
                "mirrors/one": ["2.7": tool.manifests[2].descriptor.digest.description],
                "mirrors/two": ["2.7": try Self.reduced(tool).description],
                "mirrors/three": ["2.7": try Self.reduced(tool).description],
            ]
        }
    }
}
