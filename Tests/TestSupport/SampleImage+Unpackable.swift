import NIOCore
package import OCI

extension SampleImage {
    /// An image whose layers are real archives of one file each, so that programs which unpack layers take it.
    ///
    /// - Parameters:
    ///   - platform: what its config says it is for.
    ///   - texts: the files' contents; a layer each.
    /// - Returns: the image.
    package static func unpackable(platform: Platform, texts: [String]) -> SampleImage {
        let layers = texts.enumerated().map { number, text in
            part(ByteSource(archive("file-\(number)", text)), "application/vnd.oci.image.layer.v1.tar", .sha256)
        }
        let config = config(
            platform,
            layers.map(\.descriptor.digest),
            labels: [:],
            created: "2024-01-02T03:04:05Z"
        )
        let configPart = part(text: config, .ociConfig, .sha256)
        let manifest = JSONText.object([
            "schemaVersion": "2",
            "mediaType": JSONText.string(MediaType.ociManifest.description),
            "config": json(configPart.descriptor),
            "layers": JSONText.array(layers.map { json($0.descriptor) }),
        ])
        let top = part(text: manifest, .ociManifest, .sha256)
        return SampleImage(blobs: [configPart] + layers, manifests: [], top: top, platform: platform)
    }

    /// A tar archive (POSIX ustar) of one file.
    private static func archive(_ name: String, _ text: String) -> ByteBuffer {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ value: Int, digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, at: 0)
        put(octal(0o644, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        put(octal(text.utf8.count, digits: 11), at: 124)
        put(octal(0, digits: 11), at: 136)
        put("        0", at: 148)
        put("ustar\u{0}00", at: 257)
        put(octal(block.reduce(0) { $0 + Int($1) }, digits: 6) + "\u{0}", at: 148)
        let padding = (512 - text.utf8.count % 512) % 512
        return ByteBuffer(bytes: block + Array(text.utf8) + [UInt8](repeating: 0, count: padding + 1024))
    }
}
