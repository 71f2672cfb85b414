import NIOCore
import OCI

/// What can be taken of an index of which only some manifests are there.
///
/// Docker's containerd image store saves images so: the index as the registry has it, and of its manifests those of the
/// platforms that the machine has pulled. The choice is that of `platforms`: one manifest stands alone, several make a
/// new index that is always cut in the same way, and attestations are left out.
struct SparseIndex {
    /// What takes the index's place.
    enum Remainder {
        case single(Descriptor)
        case made(Manifest)
    }

    let remainder: Remainder
    /// What is left, and what is not; attestations are in neither.
    let held: [Platform]
    let absent: [Platform]

    /// `nil` when no manifest for a platform is whole.
    ///
    /// - Parameters:
    ///   - document: the index.
    ///   - index: what it holds.
    ///   - isWhole: whether a manifest is there with all that it needs.
    /// - Throws: `DocumentError` when what is left is no index; what `isWhole` throws.
    init?(_ document: Manifest, _ index: ImageIndex, isWhole: (Descriptor) throws -> Bool) throws {
        let images = index.entries.indices.filter { position in
            let entry = index.entries[position]
            return entry.descriptor.mediaType.isManifest && entry.platform?.isUnknown != true
        }
        let kept = try images.filter { try isWhole(index.entries[$0].descriptor) }
        guard let first = kept.first else { return nil }
        held = kept.compactMap { index.entries[$0].platform }
        absent = images.filter { !kept.contains($0) }.compactMap { index.entries[$0].platform }
        if Set(kept.map { index.entries[$0].descriptor.digest }).count == 1 {
            remainder = .single(index.entries[first].descriptor)
        } else {
            let cut = Set(index.entries.indices).subtracting(kept).map { ($0, [ByteBuffer]()) }
            remainder = .made(try document.splicing(Dictionary(uniqueKeysWithValues: cut), into: index))
        }
    }
}
