import Cache
import NIOCore
package import OCI

/// What is to be put into an archive.
package struct ArchiveContents: Sendable {
    package var images: [ArchiveDocument.Image]
    /// What else goes along, because it refers to one of the images.
    package var referrers: [ArchiveDocument.Referrer] = []
    /// What the other side holds already.
    package var receipts: [Receipt] = []
    /// The largest archive that may be made, in bytes; more is shared out among several.
    package var volumeSize: Int64?
    /// Which platform of an index `docker load` is to get, in this order.
    package var platforms: [PlatformPattern] = []
    /// Whether nothing but what `docker load` reads is written: configs and layers of one platform each, no manifests.
    ///
    /// For programs that cannot read Docker's media types in an image layout. Not for volumes, receipts or signatures.
    package var isDockerOnly = false

    package init(images: [ArchiveDocument.Image]) {
        self.images = images
    }
}

/// One archive that is ready to be written; what it says is fixed, and so is its length.
package struct ArchiveVolume: Sendable {
    /// One thing in the archive.
    enum Member: Sendable {
        case text(ArchiveEntryName, [UInt8])
        case directory(String)
        case blob(ArchiveDocument.Blob)
        case part(ArchiveDocument.Part)

        var header: TarHeader {
            switch self {
            case .text(let name, let bytes): TarHeader(name: "\(name)", kind: .file, size: Int64(bytes.count))
            case .directory(let path): TarHeader(name: "\(path)/", kind: .directory, size: 0)
            case .blob(let blob):
                TarHeader(name: "\(ArchiveEntryName.blob(blob.digest))", kind: .file, size: blob.size)
            case .part(let part): TarHeader(name: "\(part.name)", kind: .file, size: part.length)
            }
        }
    }

    package fileprivate(set) var document: ArchiveDocument
    let index: [UInt8]
    /// `nil` where the archive is not complete on its own.
    let dockerManifest: [UInt8]?
    /// Blobs that were made for the archive, and that no cache holds.
    let made: [Digest: ByteBuffer]
    /// Whether it is no layout, and says nothing of itself.
    var isDockerOnly = false

    /// Gives its members in the order in which a reader that sees it once needs them.
    ///
    /// What it is, then the blobs, then the parts. One at a time: there may be hundreds of thousands.
    func forEachMember(_ body: (Member) async throws -> Void) async rethrows {
        for member in texts { try await body(member) }
        try await body(.directory("blobs"))
        for algorithm in Self.algorithms(document.blobs.map(\.digest)) {
            try await body(.directory("blobs/\(algorithm)"))
        }
        for blob in document.blobs { try await body(member(blob)) }
        for member in partMembers { try await body(member) }
    }

    private func member(_ blob: ArchiveDocument.Blob) -> Member {
        made[blob.digest].map { .text(.blob(blob.digest), Array($0.readableBytesView)) } ?? .blob(blob)
    }

    private var texts: [Member] {
        let docker = dockerManifest.map { [Member.text(.dockerManifest, $0)] } ?? []
        return isDockerOnly
            ? docker
            : [
                .text(.layout, Array(ImageLayout.marker.utf8)),
                .text(.document, Array(document.encoded.readableBytesView)),
                .text(.index, index),
            ] + docker
    }

    private var partMembers: [Member] {
        guard !document.parts.isEmpty else { return [] }
        var members: [Member] = [.directory("parts")]
        members += Self.algorithms(document.parts.map(\.blob.digest)).map { .directory("parts/\($0)") }
        for (position, part) in document.parts.enumerated() {
            if position == 0 || document.parts[position - 1].blob != part.blob {
                members.append(.directory("parts/\(part.blob.digest.algorithm.rawValue)/\(part.blob.digest.hex)"))
            }
            members.append(.part(part))
        }
        return members
    }

    /// The archive's bytes up to its last text.
    var head: ByteBuffer {
        var head = ByteBuffer()
        for member in texts {
            guard case .text(_, let bytes) = member else { break }
            head.writeImmutableBuffer(member.header.bytes)
            head.writeBytes(bytes)
            head.writeRepeatingByte(0, count: Int(TarHeader.padding(after: member.header.size)))
        }
        return head
    }

    /// The archive's length, in bytes.
    package var size: Int64 {
        let directories = Int64(1 + Self.algorithms(document.blobs.map(\.digest)).count) * TarHeader.blockSize
        let others = (texts + partMembers).reduce(TarHeader.endSize) { $0 + $1.header.totalSize }
        return document.blobs.reduce(others + directories) { $0 + ArchivePacking.memberSize(of: $1) }
    }

    private static func algorithms(_ digests: [Digest]) -> [String] {
        Set(digests.map(\.algorithm.rawValue)).sorted()
    }
}

/// The archives that together hold what was asked for.
package struct ArchivePlan: Sendable {
    /// At least one.
    package private(set) var volumes: [ArchiveVolume]
    /// The blobs that are written, each once; manifests included.
    package let blobs: [ArchiveDocument.Blob]
    /// The blobs that the receipts spare.
    package let omitted: [ArchiveDocument.Omission]

    init(volumes: [ArchiveVolume], blobs: [ArchiveDocument.Blob], omitted: [ArchiveDocument.Omission]) {
        self.volumes = volumes
        self.blobs = blobs
        self.omitted = omitted
    }

    /// Of all volumes, in bytes.
    package var size: Int64 { volumes.reduce(0) { $0 + $1.size } }

    /// Adds a signature to each volume.
    package mutating func sign(with key: ArchiveSigningKey) throws {
        for position in volumes.indices { try key.sign(&volumes[position].document) }
    }
}
