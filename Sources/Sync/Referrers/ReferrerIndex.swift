import FoundationEssentials
import NIOCore
import OCI

/// The index under the tag `sha256-<hex>`, which lists a manifest's referrers where the registry does not.
///
/// OCI distribution-spec 1.1.1, "Pushing Manifests with Subject".
enum ReferrerIndex {
    /// The index with these referrers in it and those not; what else it holds stays as it is, byte for byte.
    ///
    /// - Returns: `nil` when nothing changes.
    /// - Throws: `DocumentError` when what is there is no index, or would become too large.
    static func changing(
        _ present: Manifest?,
        adding referrers: [Manifest],
        removing gone: Set<Digest> = []
    ) throws -> Manifest? {
        if let kept = try present.flatMap({ try removing(gone, from: $0) }) {
            return try changing(kept, adding: referrers) ?? kept
        }
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

    /// - Returns: `nil` where it is no index, or has none of them.
    private static func removing(_ gone: Set<Digest>, from present: Manifest) throws -> Manifest? {
        guard case .index(let index) = present.content else { return nil }
        let positions = index.entries.indices.filter { gone.contains(index.entries[$0].descriptor.digest) }
        guard !positions.isEmpty else { return nil }
        return try present.splicing(Dictionary(uniqueKeysWithValues: positions.map { ($0, []) }), into: index)
    }

    private struct Entry: Encodable {
        let mediaType: String
        let digest: String
        let size: Int64
        let artifactType: String?
        let annotations: [String: String]?
    }

    private static func entry(_ referrer: Manifest) throws -> [UInt8] {
        let said = ReferrerEntry(referrer)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let entry = Entry(
            mediaType: referrer.descriptor.mediaType.description,
            digest: referrer.descriptor.digest.description,
            size: referrer.descriptor.size,
            artifactType: said.artifactType,
            annotations: said.annotations.isEmpty ? nil : said.annotations
        )
        return Array(try encoder.encode(entry))
    }
}
