import NIOCore
package import OCI

extension SampleImage {
    /// One platform's image.
    ///
    /// - Parameters:
    ///   - format: whose media types.
    ///   - platform: what its config says it is for.
    ///   - layers: their bytes are no real archives.
    ///   - labels: of the config.
    ///   - annotations: of the manifest; OCI only.
    ///   - created: of the config, RFC 3339.
    ///   - subject: what it refers to.
    ///   - artifactType: of the manifest.
    ///   - algorithm: of all its digests.
    /// - Returns: the image.
    package static func image(
        _ format: Format = .oci,
        platform: Platform = Platform(os: "linux", architecture: "amd64"),
        layers: [Layer] = [Layer(seed: 1, size: 4096), Layer(seed: 2, size: 1000)],
        labels: [String: String] = [:],
        annotations: [String: String] = [:],
        created: String = "2024-01-02T03:04:05Z",
        subject: Descriptor? = nil,
        artifactType: String? = nil,
        algorithm: Digest.Algorithm = .sha256
    ) -> SampleImage {
        let layerType: MediaType =
            format == .oci
            ? "application/vnd.oci.image.layer.v1.tar+gzip" : "application/vnd.docker.image.rootfs.diff.tar.gzip"
        let layerParts = layers.map { layer in
            part(.random(seed: layer.seed, count: layer.size), layerType, algorithm)
        }
        let config = config(platform, layerParts.map(\.descriptor.digest), labels: labels, created: created)
        let configPart = part(text: config, format == .oci ? .ociConfig : .dockerConfig, algorithm)
        let type: MediaType = format == .oci ? .ociManifest : .dockerManifest
        let manifest = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(type.description),
            "artifactType": artifactType.map { JSONText.string($0) },
            "config": json(configPart.descriptor),
            "layers": JSONText.array(layerParts.map { json($0.descriptor) }),
            "subject": subject.map { json($0) },
            "annotations": JSONText.strings(annotations),
        ])
        let top = part(text: manifest, type, algorithm)
        return SampleImage(blobs: [configPart] + layerParts, manifests: [], top: top, platform: platform)
    }

    /// A Windows image of old: its base layer is Microsoft's, who alone may hand it out.
    ///
    /// - Returns: the image and the foreign layer, which is none of the image's blobs.
    package static func withForeignLayer() -> (image: SampleImage, foreign: Descriptor) {
        let own = part(
            .random(seed: 21, count: 2000),
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            .sha256
        )
        let foreign = part(
            .random(seed: 22, count: 3000),
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            .sha256
        ).descriptor
        let platform = Platform(os: "windows", architecture: "amd64")
        let digests = [foreign.digest, own.descriptor.digest]
        let text = config(platform, digests, labels: [:], created: "2019-01-02T03:04:05Z")
        let configPart = part(text: text, .dockerConfig, .sha256)
        let urls = JSONText.array([JSONText.string("https://layers.example/\(foreign.digest)")])
        let layer = JSONText.object([
            "mediaType": JSONText.string(foreign.mediaType.description),
            "digest": JSONText.string(foreign.digest.description),
            "size": "\(foreign.size)",
            "urls": urls,
        ])
        let manifest = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(MediaType.dockerManifest.description),
            "config": json(configPart.descriptor),
            "layers": JSONText.array([layer, json(own.descriptor)]),
        ])
        let top = part(text: manifest, .dockerManifest, .sha256)
        return (SampleImage(blobs: [configPart, own], manifests: [], top: top, platform: platform), foreign)
    }

    /// An index of images, indexes and attestations.
    ///
    /// - Parameters:
    ///   - format: whose media types.
    ///   - children: in this order; of an index among them no platform is written.
    ///   - annotations: of the index; OCI only.
    ///   - subject: what it refers to.
    ///   - texts: of blobs that it lists beside its children.
    /// - Returns: the index with all that belongs to its children.
    package static func index(
        _ format: Format = .oci,
        of children: [SampleImage],
        annotations: [String: String] = [:],
        subject: Descriptor? = nil,
        texts: [String] = []
    ) -> SampleImage {
        let others = texts.map { part(text: $0, "text/spdx+json", .sha256) }
        let type: MediaType = format == .oci ? .ociIndex : .dockerList
        let entries =
            children.map { json($0.top, platform: $0.platform, annotations: $0.descriptorAnnotations) }
            + others.map { json($0.descriptor) }
        let text = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(type.description),
            "manifests": JSONText.array(entries),
            "subject": subject.map { json($0) },
            "annotations": JSONText.strings(annotations),
        ])
        return SampleImage(
            blobs: children.flatMap(\.blobs) + others,
            manifests: children.flatMap(\.manifests),
            top: part(text: text, type, .sha256),
            platform: nil
        )
    }

    /// An index of one image a platform, which share their first layer.
    package static func multiPlatform(
        _ format: Format = .oci,
        platforms: [Platform] = [
            Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm64", variant: "v8"),
        ],
        seed: UInt64 = 1,
        layerSize: Int = 4096
    ) -> SampleImage {
        index(
            format,
            of: platforms.enumerated().map { number, platform in
                let own = Layer(seed: seed * 1000 + UInt64(number) + 1, size: layerSize)
                return image(format, platform: platform, layers: [Layer(seed: seed * 1000, size: layerSize), own])
            }
        )
    }

    /// BuildKit's attestation of an image: a manifest for `unknown/unknown` that goes into the image's index.
    package static func attestation(of image: SampleImage) -> SampleImage {
        let platform = Platform(os: "unknown", architecture: "unknown")
        let config = part(text: config(platform, [], labels: [:], created: "2024-01-02T03:04:05Z"), .ociConfig, .sha256)
        let statement = part(
            text: #"{"_type":"https://in-toto.io/Statement/v0.1"}"#,
            "application/vnd.in-toto+json",
            .sha256
        )
        let manifest = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(MediaType.ociManifest.description),
            "config": json(config.descriptor),
            "layers": JSONText.array([json(statement.descriptor)]),
            "annotations": JSONText.strings(["vnd.docker.reference.digest": image.digest.description]),
        ])
        let top = part(text: manifest, .ociManifest, .sha256)
        var result = SampleImage(blobs: [config, statement], manifests: [], top: top, platform: platform)
        result.descriptorAnnotations = [
            "vnd.docker.reference.digest": image.digest.description,
            "vnd.docker.reference.type": "attestation-manifest",
        ]
        return result
    }

    /// An artifact that refers to a subject, such as a signature: empty config and one small blob.
    package static func artifact(
        of subject: Descriptor,
        type: String = "application/vnd.example.signature",
        content: String = "signed",
        annotations: [String: String] = [:]
    ) -> SampleImage {
        let config = part(text: "{}", .ociEmpty, .sha256)
        let payload = part(text: content, "application/vnd.example.payload", .sha256)
        let manifest = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(MediaType.ociManifest.description),
            "artifactType": JSONText.string(type),
            "config": json(config.descriptor),
            "layers": JSONText.array([json(payload.descriptor)]),
            "subject": json(subject),
            "annotations": JSONText.strings(annotations),
        ])
        let top = part(text: manifest, .ociManifest, .sha256)
        return SampleImage(blobs: [config, payload], manifests: [], top: top, platform: nil)
    }

    /// A manifest of any types, of which the contents are written as they stand.
    package static func content(
        config: (type: MediaType, text: String),
        layers: [(type: MediaType, text: String)]
    ) -> SampleImage {
        let configPart = part(text: config.text, config.type, .sha256)
        let layerParts = layers.map { part(text: $0.text, $0.type, .sha256) }
        let manifest = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(MediaType.ociManifest.description),
            "config": json(configPart.descriptor),
            "layers": JSONText.array(layerParts.map { json($0.descriptor) }),
        ])
        let top = part(text: manifest, .ociManifest, .sha256)
        return SampleImage(blobs: [configPart] + layerParts, manifests: [], top: top, platform: nil)
    }

    /// cosign's signature: an image's config, and a payload in the layer's place.
    package static func cosignSignature(of subject: Descriptor) -> SampleImage {
        let payload = #"{"critical":{"image":{"docker-manifest-digest":"\#(subject.digest)"}}}"#
        let digest = ByteSource(ByteBuffer(string: payload)).digest(.sha256)
        let config = #"{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":["\#(digest)"]}}"#
        return content(
            config: (.ociConfig, config),
            layers: [("application/vnd.dev.cosign.simplesigning.v1+json", payload)]
        )
    }
}
