import Cache
import NIOCore
import OCI

/// What is known of an archive before it is shared out among volumes.
struct ArchiveDraft {
    /// With the images sorted by reference.
    let contents: ArchiveContents
    /// Those of the contents, in the order of the documents: all volumes have one list in common.
    let referrers: [ArchiveDocument.Referrer]
    /// How many blobs and manifests all images have, those that they share counted for each.
    let count: Int
    /// To be written, in the order of the images.
    let blobs: BlobList
    let omitted: OmissionList
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
        let index = index { _ in true }
        let texts = document.byteCount + index.byteCount + ImageLayout.marker.utf8.count + dockerSize
        // Four headers and rounded ends, six directories, the archive's end, a signature.
        return Int64(texts) + 8 * TarHeader.blockSize + 6 * TarHeader.blockSize + TarHeader.endSize + 512
    }

    /// The most that `manifest.json` can take, in bytes.
    private var dockerSize: Int {
        let names = contents.images.indices.reduce(0) { $0 + contents.images.text(at: $1).utf8.count + 512 }
        return names + count * 160
    }

    /// The archives that are ready to be written.
    ///
    /// - Parameters:
    ///   - shares: what each holds.
    ///   - parts: what the cuts became.
    ///   - cache: has the images.
    ///   - docker: what `docker load` is to read of an archive.
    /// - Returns: one a share.
    /// - Throws: `DocumentError`, ``CacheError``.
    func volumes(
        _ shares: [ArchivePacking.Share],
        parts: [ArchivePacking.Cut: ArchiveDocument.Part],
        in cache: ContentCache,
        docker: (ArchiveDocument) async throws -> DockerManifest?
    ) async throws -> [ArchiveVolume] {
        let isSet = shares.count > 1
        let parts = shares.map { $0.cuts.compactMap { parts[$0] } }
        let set = isSet ? try setName(zip(shares, parts).map { ($0.blobs.count, $1) }) : nil
        let made = Dictionary(lists.map { ($0.descriptor.digest, $0.text) }) { first, _ in first }
        let listDigests = Set(lists.map(\.descriptor.digest))
        let places = isSet ? try await VolumePlaces(shares, contents, cache) : nil
        var volumes: [ArchiveVolume] = []
        for (position, share) in shares.enumerated() {
            let document = try document(
                share,
                parts: parts[position],
                volume: set.map { .init(number: position + 1, count: shares.count, set: $0) }
            ).checked(limit: ArchiveDocument.maximumSize)
            let index = index { digest in
                places.map { $0.isWhole(digest, in: position) } ?? true
                    || listDigests.contains(digest) && document.blobs.position(of: digest) != nil
            }
            let others = ArchiveVolume.Texts(
                index: try index.checked(limit: ArchiveIndex.maximumSize),
                docker: try await docker(document)
            )
            volumes.append(ArchiveVolume(document: document, others, made: made))
        }
        return volumes
    }

    private func document(
        _ share: ArchivePacking.Share,
        parts: [ArchiveDocument.Part],
        volume: ArchiveDocument.Volume?
    ) throws -> ArchiveDocument {
        try ArchiveDocument(
            images: contents.images,
            referrers: referrers,
            blobs: share.blobs,
            omitted: omitted,
            parts: parts,
            volume: volume
        )
    }

    private func setName(_ volumes: [(blobs: Int, parts: [ArchiveDocument.Part])]) throws -> Digest {
        try ArchiveStatement.set(
            images: contents.images,
            referrers: referrers,
            blobs: blobs,
            omitted: omitted,
            volumes: volumes
        )
    }

    /// What other programs find in an archive: all of it, or what can be read from one volume alone.
    private func index(_ isHeld: (Digest) -> Bool) -> ArchiveIndex {
        var seen: Set<Digest> = []
        return ArchiveIndex(
            images: contents.images.tops.allSatisfy { isHeld($0.digest) }
                ? contents.images : contents.images.standing(for: isHeld),
            referrers: contents.referrers.map(\.descriptor)
                .filter { isHeld($0.digest) && seen.insert($0.digest).inserted },
            lists: lists.filter { isHeld($0.descriptor.digest) }
        )
    }
}

/// Which images lie in one volume of a set as a whole.
private struct VolumePlaces {
    private var volumes: [Digest: Int] = [:]

    init(_ shares: [ArchivePacking.Share], _ contents: ArchiveContents, _ cache: ContentCache) async throws {
        var table = BlobTable()
        for (position, share) in shares.enumerated() {
            for blob in share.blobs { table.insert(.init(digest: blob.digest, size: Int64(position))) }
        }
        for top in Array(contents.images.tops) + contents.referrers.map(\.descriptor)
        where volumes[top.digest] == nil {
            let places = try await ArchiveClosure(of: top, in: cache).descriptors.map { descriptor in
                table.position(of: descriptor.digest).map { table.list.size(at: $0) }
            }
            let volume = places.first.flatMap(\.self)
            volumes[top.digest] = volume.map { volume in places.allSatisfy { $0 == volume } ? Int(volume) : -1 } ?? -1
        }
    }

    func isWhole(_ digest: Digest, in volume: Int) -> Bool { volumes[digest] == volume }
}
