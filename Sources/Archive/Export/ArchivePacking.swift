import NIOCore
import OCI

/// Shares blobs out among volumes of a bounded size.
///
/// In the order given and without looking back, so that what belongs to one image tends to be together. A blob that
/// does not fit in a volume of its own is cut; its last part's volume is filled up with what comes next.
struct ArchivePacking {
    /// A part before its bytes have been hashed.
    struct Cut: Hashable, Sendable {
        let blob: ArchiveDocument.Blob
        let index: Int
        let offset: Int64
        let length: Int64
    }

    /// What one volume gets.
    struct Share: Sendable {
        var blobs = BlobList()
        var cuts: [Cut] = []
        fileprivate var used: Int64 = 0

        init(blobs: BlobList = []) {
            self.blobs = blobs
        }
    }

    /// A volume that could only hold less is refused, and no part but a blob's last is smaller; in bytes.
    static let minimumPart: Int64 = 16 << 10
    /// The most that a blob or part adds to `imglife.json`, in bytes.
    private static let lineSize: Int64 = 512

    /// What a volume has for blobs, with their headers, in bytes; at least ``minimumPart`` and some headers more.
    let capacity: Int64

    /// What a blob takes of a volume.
    static func cost(of blob: ArchiveDocument.Blob) -> Int64 { memberSize(of: blob) + lineSize }

    /// What a blob takes of an archive, with its header.
    static func memberSize(of blob: ArchiveDocument.Blob) -> Int64 {
        // All of an algorithm have names of one length.
        let name = names[blob.digest.algorithm] ?? "\(ArchiveEntryName.blob(blob.digest))"
        return TarHeader(name: name, kind: .file, size: blob.size).totalSize
    }

    private static let names: [Digest.Algorithm: String] = Dictionary(
        uniqueKeysWithValues: Digest.Algorithm.allCases.map { algorithm in
            (algorithm, "\(ArchiveEntryName.blob(.of(ByteBuffer(), algorithm: algorithm)))")
        }
    )

    /// What a part takes beside its own bytes: a directory, headers, padding.
    private static func overhead(ofPartOf blob: ArchiveDocument.Blob) -> Int64 {
        let name = ArchiveEntryName.part(blob.digest, index: ArchiveEntryName.maximumPartIndex)
        let directory = TarHeader(name: "parts/sha512/\(blob.digest.hex)/", kind: .directory, size: 0)
        let part = TarHeader(name: "\(name)", kind: .file, size: TarHeader.maximumPlainSize + 1)
        return directory.totalSize + part.totalSize - part.size + TarHeader.blockSize + lineSize
    }

    func shares(of blobs: some Sequence<ArchiveDocument.Blob>) -> [Share] {
        var shares = [Share()]
        for blob in blobs {
            let cost = Self.cost(of: blob)
            if cost > capacity {
                cut(blob, into: &shares)
            } else {
                if shares[shares.count - 1].used + cost > capacity { shares.append(Share()) }
                shares[shares.count - 1].blobs.append(blob)
                shares[shares.count - 1].used += cost
            }
        }
        return shares
    }

    private func cut(_ blob: ArchiveDocument.Blob, into shares: inout [Share]) {
        let overhead = Self.overhead(ofPartOf: blob)
        var (offset, index) = (Int64(0), 0)
        while offset < blob.size {
            let rest = blob.size - offset
            let room = capacity - shares[shares.count - 1].used - overhead
            guard room >= min(rest, Self.minimumPart) else {
                shares.append(Share())
                continue
            }
            let length = min(room, rest)
            let cut = Cut(blob: blob, index: index, offset: offset, length: length)
            shares[shares.count - 1].cuts.append(cut)
            shares[shares.count - 1].used += length + overhead
            offset += length
            index += 1
        }
    }
}
