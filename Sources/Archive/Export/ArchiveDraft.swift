import Cache
import NIOCore
import OCI

/// What is known of an archive before it is shared out among volumes.
struct ArchiveDraft {
    /// With the images sorted by reference.
    let contents: ArchiveContents
    /// What each manifest that is named or refers to one needs.
    let closures: [(top: Digest, closure: ArchiveClosure)]
    /// To be written, in the order of the images.
    let blobs: [ArchiveDocument.Blob]
    let omitted: [ArchiveDocument.Omission]
    /// Their blobs are among ``blobs``.
    let lists: [ReferrerList]

    /// - Throws: `DocumentError` when the volumes are too small or too many.
    func shares() throws -> [ArchivePacking.Share] {
        guard let limit = contents.volumeSize else { return [ArchivePacking.Share(blobs: blobs)] }
        let fixed = try fixedSize()
        let whole = blobs.reduce(fixed) { $0 + ArchivePacking.cost(of: $1) }
        if whole <= limit { return [ArchivePacking.Share(blobs: blobs)] }
        // A part needs a header, a directory and a line beside its bytes.
        let smallest = fixed + ArchivePacking.minimumPart + 8 * TarHeader.blockSize
        guard limit >= smallest else {
            throw DocumentError(
                .tooLarge,
                "a volume of \(limit) bytes is too small: it takes at least \(smallest), of which \(fixed) are for what "
                    + "each says of the whole set"
            )
        }
        let shares = ArchivePacking(capacity: limit - fixed).shares(of: blobs)
        guard shares.count <= ArchiveDocument.maximumVolumes else {
            throw DocumentError(
                .tooLarge,
                "the set would have \(shares.count) volumes, more than \(ArchiveDocument.maximumVolumes): make them larger"
            )
        }
        return shares
    }

    /// The most that a volume needs beside its blobs and parts, a signature and `manifest.json` included; in bytes.
    private func fixedSize() throws -> Int64 {
        let set = Digest.of(ByteBuffer())
        let last = ArchiveDocument.maximumVolumes
        let document = try document(
            ArchivePacking.Share(),
            parts: [],
            volume: ArchiveDocument.Volume(number: last, count: last, set: set)
        )
        let index = index(contents.images) { _ in true }
        let texts = document.encoded.readableBytes + index.encoded.count + ImageLayout.marker.utf8.count + dockerSize
        // Four headers and rounded ends, six directories, the archive's end, a signature.
        return Int64(texts) + 8 * TarHeader.blockSize + 6 * TarHeader.blockSize + TarHeader.endSize + 512
    }

    /// The most that `manifest.json` can take, in bytes.
    private var dockerSize: Int {
        let names = contents.images.reduce(0) { $0 + "\($1.reference)".utf8.count + 512 }
        return names + closures.reduce(0) { $0 + $1.closure.descriptors.count * 160 }
    }

    func volumes(
        _ shares: [ArchivePacking.Share],
        parts: [ArchivePacking.Cut: ArchiveDocument.Part],
        dockerManifest: [UInt8]?
    ) throws -> [ArchiveVolume] {
        let isSet = shares.count > 1
        let set = isSet ? try setName(shares.count) : nil
        return try shares.enumerated().map { position, share in
            let document = try document(
                share,
                parts: share.cuts.compactMap { parts[$0] },
                volume: set.map { .init(number: position + 1, count: shares.count, set: $0) }
            )
            let held = Set(share.blobs.map(\.digest))
            let whole = isSet ? whole(within: held) : []
            let index = index(contents.images) { digest in
                !isSet || whole.contains(digest) || isList(digest) && held.contains(digest)
            }
            guard document.encoded.readableBytes <= ArchiveDocument.maximumSize else {
                throw DocumentError(.tooLarge, "there is too much for one archive; export fewer images at a time")
            }
            return ArchiveVolume(
                document: document,
                index: try index.text(),
                dockerManifest: dockerManifest,
                made: Dictionary(lists.map { ($0.descriptor.digest, $0.text) }) { first, _ in first }
            )
        }
    }

    private func document(
        _ share: ArchivePacking.Share,
        parts: [ArchiveDocument.Part],
        volume: ArchiveDocument.Volume?
    ) throws -> ArchiveDocument {
        try ArchiveDocument(
            images: contents.images,
            referrers: contents.referrers,
            blobs: share.blobs,
            omitted: omitted,
            parts: parts,
            volume: volume
        )
    }

    private func setName(_ count: Int) throws -> Digest {
        try ArchiveStatement.set(
            images: contents.images,
            referrers: contents.referrers,
            blobs: blobs,
            omitted: omitted,
            volumeCount: count
        )
    }

    /// What other programs find in an archive: all of it, or what can be read from one volume alone.
    private func index(_ images: [ArchiveDocument.Image], _ isHeld: (Digest) -> Bool) -> ArchiveIndex {
        var seen: Set<Digest> = []
        return ArchiveIndex(
            images: images.filter { isHeld($0.descriptor.digest) },
            referrers: contents.referrers.map(\.descriptor)
                .filter { isHeld($0.digest) && seen.insert($0.digest).inserted },
            lists: lists.filter { isHeld($0.descriptor.digest) }
        )
    }

    private func isList(_ digest: Digest) -> Bool { lists.contains { $0.descriptor.digest == digest } }

    /// The manifests that one volume alone has all of.
    private func whole(within held: Set<Digest>) -> Set<Digest> {
        Set(closures.filter { $0.closure.descriptors.allSatisfy { held.contains($0.digest) } }.map(\.top))
    }
}
