import FoundationEssentials
import NIOCore

/// The parts of a manifest that a registry looks at when it is pushed.
struct ManifestShape: Decodable {
    struct Reference: Decodable {
        var mediaType: String?
        var digest: String
    }

    var mediaType: String?
    var artifactType: String?
    var config: Reference?
    var layers: [Reference]?
    var manifests: [Reference]?
    var subject: Reference?
    var annotations: [String: String]?

    init?(_ bytes: ByteBuffer) {
        guard let shape = try? JSONDecoder().decode(Self.self, from: Data(bytes.readableBytesView)) else { return nil }
        self = shape
    }
}
