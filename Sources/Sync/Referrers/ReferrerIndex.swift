import FoundationEssentials
import NIOCore
import OCI

/// The index under the tag `sha256-<hex>`, which lists a manifest's referrers where the registry does not.
///
/// OCI distribution-spec 1.1.1, "Pushing Manifests with Subject".
enum ReferrerIndex {
    /// The index with these referrers in it; what it holds already stays as it is, byte for byte.
    ///
    /// - Returns: `nil` when they are all in it.
    /// - Throws: `DocumentError` when what is there is no index, or would become too large.
    static func adding(_ referrers: [Manifest], to present: Manifest?) throws -> Manifest? {
        var bytes = Array(#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[]}"#.utf8)
        var end = bytes.count - 2
        var listed: Set<Digest> = []
        if let present {
            guard case .index(let index) = present.content else {
                throw DocumentError(.structure, "the target keeps something else than an index under the tag for it")
            }
            bytes = Array(present.bytes.readableBytesView)
            end = index.range.upperBound - 1
            if bytes[index.range.lowerBound] != UInt8(ascii: "[") {
                bytes.replaceSubrange(index.range, with: "[]".utf8)
                end = index.range.lowerBound + 1
            }
            listed = Set(index.entries.map(\.descriptor.digest))
        }
        var isEmpty = listed.isEmpty
        var added: [UInt8] = []
        for referrer in referrers where listed.insert(referrer.descriptor.digest).inserted {
            if !isEmpty { added.append(UInt8(ascii: ",")) }
            added += try entry(referrer)
            isEmpty = false
        }
        guard !added.isEmpty else { return nil }
        bytes.insert(contentsOf: added, at: end)
        return try Manifest(bytes: ByteBuffer(bytes: bytes), contentType: present?.descriptor.mediaType ?? .ociIndex)
    }

    private struct Entry: Encodable {
        let mediaType: String
        let digest: String
        let size: Int64
        let artifactType: String?
        let annotations: [String: String]?
    }

    private static func entry(_ referrer: Manifest) throws -> [UInt8] {
        let artifactType: String?
        let annotations: [String: String]
        switch referrer.content {
        case .image(let image):
            artifactType = image.artifactType ?? image.config.mediaType.description
            annotations = image.annotations
        case .index(let index):
            artifactType = index.artifactType
            annotations = index.annotations
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let entry = Entry(
            mediaType: referrer.descriptor.mediaType.description,
            digest: referrer.descriptor.digest.description,
            size: referrer.descriptor.size,
            artifactType: artifactType,
            annotations: annotations.isEmpty ? nil : annotations
        )
        return Array(try encoder.encode(entry))
    }
}
