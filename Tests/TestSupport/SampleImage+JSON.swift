import NIOCore
import OCI

extension SampleImage {
    static func part(text: String, _ type: MediaType, _ algorithm: Digest.Algorithm) -> Part {
        part(ByteSource(ByteBuffer(string: text)), type, algorithm)
    }

    static func part(_ source: ByteSource, _ type: MediaType, _ algorithm: Digest.Algorithm) -> Part {
        let digest = source.digest(algorithm)
        guard let descriptor = Descriptor(mediaType: type, digest: digest, size: Int64(source.count)) else {
            preconditionFailure("a count is never negative")
        }
        return Part(descriptor: descriptor, source: source)
    }

    static func json(
        _ descriptor: Descriptor,
        platform: Platform? = nil,
        annotations: [String: String] = [:]
    ) -> String {
        JSONText.object([
            "mediaType": JSONText.string(descriptor.mediaType.description),
            "digest": JSONText.string(descriptor.digest.description),
            "size": "\(descriptor.size)",
            "annotations": JSONText.strings(annotations),
            "platform": platform.map { json($0) },
        ])
    }

    private static func json(_ platform: Platform) -> String {
        JSONText.object([
            "architecture": JSONText.string(platform.architecture),
            "os": JSONText.string(platform.os),
            "os.version": platform.osVersion.map { JSONText.string($0) },
            "variant": platform.variant.map { JSONText.string($0) },
        ])
    }

    static func config(_ platform: Platform, _ layers: [Digest], labels: [String: String], created: String) -> String {
        let identifiers = JSONText.array(layers.map { JSONText.string($0.description) })
        return JSONText.object([
            "created": JSONText.string(created),
            "architecture": JSONText.string(platform.architecture),
            "variant": platform.variant.map { JSONText.string($0) },
            "os": JSONText.string(platform.os),
            "os.version": platform.osVersion.map { JSONText.string($0) },
            "config": JSONText.object(["Labels": JSONText.strings(labels)]),
            "rootfs": #"{"type":"layers","diff_ids":\#(identifiers)}"#,
        ])
    }
}
