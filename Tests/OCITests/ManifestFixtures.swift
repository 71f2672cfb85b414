import NIOCore
import OCI

/// Documents as registries deliver them, and small parts to build odd ones from.
enum Fixture {
    static let sha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    static let sha512 = "sha512:" + String(repeating: "0123456789abcdef", count: 8)

    static func digest(_ digit: Character) -> String { "sha256:" + String(repeating: digit, count: 64) }

    static func descriptor(_ type: String, _ digest: String = sha256, size: String = "7", more: String = "") -> String {
        #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size)\#(more)}"#
    }

    static let config = descriptor("application/vnd.oci.image.config.v1+json")
    static let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip")
    static let child = descriptor("application/vnd.oci.image.manifest.v1+json")

    /// An OCI image with the given parts, and further top-level members.
    static func image(config: String = config, layers: String = "[\(layer)]", more: String = "") -> String {
        #"{"schemaVersion":2,"config":\#(config),"layers":\#(layers)\#(more)}"#
    }

    /// An OCI index with the given children, and further top-level members.
    static func index(_ manifests: String = "[\(child)]", more: String = "") -> String {
        #"{"schemaVersion":2,"manifests":\#(manifests)\#(more)}"#
    }

    /// An index's entry for a platform such as `linux/arm/v7`; the digit makes its digest.
    static func entry(_ digit: Character, _ platform: String, more: String = "") -> String {
        let parts = platform.split(separator: "/")
        let variant = parts.count == 3 ? #","variant":"\#(parts[2])""# : ""
        let json = #","platform":{"architecture":"\#(parts[1])","os":"\#(parts[0])"\#(variant)\#(more)}"#
        return descriptor(MediaType.ociManifest.description, digest(digit), more: json)
    }

    static func parse(
        _ text: String,
        type: MediaType? = nil,
        expected: Descriptor? = nil
    ) throws(DocumentError) -> Manifest {
        try Manifest(bytes: ByteBuffer(string: text), contentType: type, expected: expected)
    }

    static let ociImage = """
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": "\(digest("c"))",
            "size": 581
          },
          "layers": [
            {
              "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
              "digest": "\(digest("1"))",
              "size": 3623844
            },
            {
              "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
              "digest": "\(digest("2"))",
              "size": 32,
              "annotations": { "containerd.io/snapshot/x": "y" }
            }
          ],
          "annotations": {
            "org.opencontainers.image.created": "2025-07-15T11:01:26Z",
            "org.opencontainers.image.version": "3.22.1"
          }
        }

        """

    static let dockerImage = """
        {
           "schemaVersion": 2,
           "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
           "config": {
              "mediaType": "application/vnd.docker.container.image.v1+json",
              "size": 1472,
              "digest": "\(digest("c"))"
           },
           "layers": [
              {
                 "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                 "size": 1718332879,
                 "digest": "\(digest("1"))",
                 "urls": ["https://mcr.microsoft.com/v2/windows/blobs/x", "file:///etc/passwd"]
              },
              {
                 "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                 "size": 2806054,
                 "digest": "\(digest("2"))"
              }
           ]
        }
        """

    static let dockerList = """
        {"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[\
        {"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":528,"digest":"\(digest("a"))",\
        "platform":{"architecture":"amd64","os":"linux"}},\
        {"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":529,"digest":"\(digest("b"))",\
        "platform":{"architecture":"arm","os":"linux","variant":"v7"}},\
        {"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":1158,"digest":"\(digest("d"))",\
        "platform":{"architecture":"amd64","os":"windows","os.version":"10.0.20348.2700",\
        "os.features":["win32k"]}}]}
        """

    /// As BuildKit writes it, with an attestation beside the image.
    static let ociIndex = """
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.index.v1+json",
          "x-unknown": [ 1.50, "\\u0041" ],
          "manifests": [
            {
              "mediaType": "application/vnd.oci.image.manifest.v1+json",
              "digest": "\(digest("a"))",
              "size": 1022,
              "platform": { "architecture": "amd64", "os": "linux" }
            },
            {
              "mediaType": "application/vnd.oci.image.manifest.v1+json",
              "digest": "\(digest("b"))",
              "size": 1023,
              "annotations": { "com.docker.official-images.bashbrew.arch": "arm64v8" },
              "platform": { "architecture": "arm64", "os": "linux", "variant": "v8" }
            } ,
            {
              "mediaType": "application/vnd.oci.image.manifest.v1+json",
              "digest": "\(digest("d"))",
              "size": 840,
              "annotations": {
                "vnd.docker.reference.digest": "\(digest("a"))",
                "vnd.docker.reference.type": "attestation-manifest"
              },
              "platform": { "architecture": "unknown", "os": "unknown" }
            }
          ],
          "annotations": { "org.opencontainers.image.ref.name": "3.22" }
        }
        """

    static let schema1 = """
        {"schemaVersion":1,"name":"library/alpine","tag":"3","architecture":"amd64",\
        "fsLayers":[{"blobSum":"\(sha256)"}],"history":[{"v1Compatibility":"{}"}],"signatures":[]}
        """
}
