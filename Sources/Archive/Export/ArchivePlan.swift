import Cache
import NIOCore
package import OCI

/// What is to be put into an archive.
package struct ArchiveContents: Sendable {
    package var images: ImageList
    /// What else goes along, because it refers to one of the images.
    package var referrers: [ArchiveDocument.Referrer] = []
    /// Which names of the images are those of referrers, such as a signature's: `docker load` gets none of these.
    package var attachments: Set<String> = []
    /// Which names nobody asked for by themselves: an archive that is docker's alone is without those of them that docker
    /// cannot load.
    package var dispensable: Set<String> = []
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

    package init(images: some Sequence<ArchiveDocument.Image>) {
        self.images = ImageList(images)
    }
}

/// One archive that is ready to be written; what it says is fixed, and so is its length.
package struct ArchiveVolume: Sendable {
    /// One thing in the archive.
    enum Member: Sendable {
        case text(ArchiveEntryName, any ArchiveText, size: Int64)
        case directory(String)
        case blob(ArchiveDocument.Blob)
        case part(ArchiveDocument.Part)

        init(_ name: ArchiveEntryName, _ text: some ArchiveText) {
            self = .text(name, text, size: Int64(text.byteCount))
        }

        var header: TarHeader {
            switch self {
            case .text(let name, _, let size): TarHeader(name: "\(name)", kind: .file, size: size)
            case .directory(let path): TarHeader(name: "\(path)/", kind: .directory, size: 0)
            case .blob(let blob):
                TarHeader(name: "\(ArchiveEntryName.blob(blob.digest))", kind: .file, size: blob.size)
            case .part(let part): TarHeader(name: "\(part.name)", kind: .file, size: part.length)
            }
        }
    }

    package fileprivate(set) var document: ArchiveDocument {
        didSet { texts = Self.texts(document, others) }
    }
    /// Blobs that were made for the archive, and that no cache holds.
    private let made: [Digest: ByteBuffer]
    /// What it says for other programs, and whether it says anything of itself.
    private let others: Texts
    /// What stands before the blobs; each text is made anew when it is written, because it may be long.
    private var texts: [Member]

    /// The texts that an archive has beside ``ArchiveDocument``.
    struct Texts {
        /// `nil` for what is no layout, and says nothing of itself.
        var index: ArchiveIndex?
        /// `nil` where the archive is not complete on its own.
        var docker: DockerManifest?
    }

    init(document: ArchiveDocument, _ others: Texts, made: [Digest: ByteBuffer] = [:]) {
        self.document = document
        self.others = others
        self.made = made
        texts = Self.texts(document, others)
    }

    private static func texts(_ document: ArchiveDocument, _ others: Texts) -> [Member] {
        var texts: [Member] = []
        if let index = others.index {
            let marker = ByteBuffer(string: ImageLayout.marker)
            texts = [Member(.layout, marker), Member(.document, document), Member(.index, index)]
        }
        if let docker = others.docker { texts.append(Member(.dockerManifest, docker)) }
        return texts
    }

    /// Gives its members in the order in which a reader that sees it once needs them.
    ///
    /// What it is, then the blobs, then the parts. One at a time: there may be hundreds of thousands.
    func forEachMember(_ body: (Member) async throws -> Void) async rethrows {
        for member in texts { try await body(member) }
        try await body(.directory("blobs"))
        for algorithm in Self.algorithms(document.blobs) {
            try await body(.directory("blobs/\(algorithm)"))
        }
        for blob in document.blobs { try await body(member(blob)) }
        for member in partMembers { try await body(member) }
    }

    private func member(_ blob: ArchiveDocument.Blob) -> Member {
        made[blob.digest].map { Member(.blob(blob.digest), $0) } ?? .blob(blob)
    }

    private var partMembers: [Member] {
        guard !document.parts.isEmpty else { return [] }
        var members: [Member] = [.directory("parts")]
        members += Self.algorithms(document.parts.map(\.blob)).map { .directory("parts/\($0)") }
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
            guard case .text(_, let text, _) = member else { break }
            head.writeImmutableBuffer(member.header.bytes)
            text.write(to: &head)
            head.writeRepeatingByte(0, count: Int(TarHeader.padding(after: member.header.size)))
        }
        return head
    }

    /// The archive's length, in bytes.
    package var size: Int64 {
        let directories = Int64(1 + Self.algorithms(document.blobs).count) * TarHeader.blockSize
        let others = (texts + partMembers).reduce(TarHeader.endSize) { $0 + $1.header.totalSize }
        return document.blobs.reduce(others + directories) { $0 + ArchivePacking.memberSize(of: $1) }
    }

    private static func algorithms(_ blobs: some Sequence<ArchiveDocument.Blob>) -> [String] {
        blobs.reduce(into: Set()) { $0.insert($1.digest.algorithm.rawValue) }.sorted()
    }
}

/// The archives that together hold what was asked for.
package struct ArchivePlan: Sendable {
    /// At least one.
    package private(set) var volumes: [ArchiveVolume]
    /// The blobs that are written, each once; manifests included.
    package let blobs: BlobList
    /// The blobs that the receipts spare.
    package let omitted: OmissionList

    init(volumes: [ArchiveVolume], blobs: BlobList, omitted: OmissionList) {
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
