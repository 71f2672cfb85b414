import NIOCore
import OCI

/// What of an archive has passed: the texts that say what it holds, and which blobs, parts and files of docker were in it.
///
/// Of blobs and names no more is kept than what the ledger has: there may be hundreds of thousands.
struct ImportContents {
    private(set) var document: ArchiveDocument?
    /// What says what an archive without a document holds.
    private(set) var index: ImportedIndex?
    private(set) var docker: DockerListing?
    private let ledger: ImportLedger
    private var dockerMembers = DockerMembers()
    private var parts: Set<ArchiveDocument.Part> = []
    /// Those that the document lists.
    private var listedParts: [ImportMember: ArchiveDocument.Part] = [:]
    private var digests: [ImportMember: Digest] = [:]

    init(_ ledger: ImportLedger) {
        self.ledger = ledger
    }

    /// Takes a small member.
    ///
    /// - Throws: ``ArchiveRefusal`` when there was another of that name.
    mutating func note(_ text: ByteBuffer, as meaning: ImportMember, _ name: String) throws(ArchiveRefusal) {
        try note(Digest.of(text), as: meaning, name)
    }

    /// Takes a list that counts where there is no document.
    mutating func note(_ list: any ArrivingText) {
        guard document == nil else { return }
        switch list {
        case let list as ImportedIndex: index = list
        case let list as DockerListing: docker = list
        default: break
        }
    }

    /// Takes a member that is not kept, by the digest of its bytes.
    ///
    /// - Throws: ``ArchiveRefusal`` when there was another of that name.
    mutating func note(_ digest: Digest, as meaning: ImportMember, _ name: String) throws(ArchiveRefusal) {
        guard digests.updateValue(digest, forKey: meaning) ?? digest == digest else { throw Self.twice(name) }
    }

    /// Takes what an archive of imglife says of itself, which is all that counts then.
    mutating func note(_ document: ArchiveDocument) {
        self.document = document
        for part in document.parts { listedParts[.part(part.blob.digest, index: part.index)] = part }
        (index, docker) = (nil, nil)
        ledger.take(listed: document.blobs)
    }

    func note(_ file: DockerImages.File) { ledger.note(file, .passed) }

    mutating func note(_ part: ArchiveDocument.Part) { parts.insert(part) }

    mutating func note(_ name: String, _ file: DockerImages.File) throws(ArchiveRefusal) {
        guard dockerMembers.add(name, ledger.note(file) ?? 0) else { throw Self.twice(name) }
    }

    mutating func note(_ name: String, linksTo target: String) throws(ArchiveRefusal) {
        guard dockerMembers.add(name, linksTo: target) else { throw Self.twice(name) }
    }

    /// Lets go of docker's list, and of the names of what it lists; it is for the beginning of the work alone.
    mutating func forgetDocker() { (docker, dockerMembers) = (nil, DockerMembers()) }

    /// A config or layer by the name that `manifest.json` gives.
    func dockerFile(_ name: String) -> DockerImages.File? {
        if let place = dockerMembers.place(of: name) { return ledger.file(at: place) }
        guard case .blob(let digest) = try? ArchiveEntryName(name) else { return nil }
        return ledger.passed(digest)
    }

    /// - Throws: ``ArchiveRefusal`` when a blob of another size has passed under that name, or the document says another.
    func check(_ digest: Digest, size: Int64, _ name: String) throws(ArchiveRefusal) {
        guard ledger.passed(digest)?.size ?? size == size else { throw Self.twice(name) }
        guard ledger.listedSize(of: digest) ?? size == size else { throw Self.unlisted(digest) }
    }

    private static func twice(_ name: String) -> ArchiveRefusal {
        ArchiveRefusal(name, "is in it twice, with different content")
    }

    /// The part that a member is, by what `imglife.json` lists.
    func part(_ digest: Digest, _ index: Int, _ member: TarMember) throws(ArchiveRefusal) -> ArchiveDocument.Part {
        guard document != nil else { throw ArchiveRefusal(member.name, "is a part, but stands before imglife.json") }
        guard let listed = listedParts[.part(digest, index: index)], listed.length == member.size else {
            throw ArchiveRefusal(member.name, "is not what imglife.json lists")
        }
        return listed
    }

    /// What `imglife.json` lists is in the archive, and nothing else.
    func checkLists() throws(ArchiveRefusal) {
        guard let document else { return }
        if let other = ledger.unlisted { throw Self.unlisted(other) }
        if let lacking = ledger.lacking {
            throw ArchiveRefusal("imglife.json", "lists \(lacking), which is not in the archive")
        }
        if let lacking = document.parts.first(where: { !parts.contains($0) }) {
            throw ArchiveRefusal("imglife.json", "lists \(lacking.name), which is not in the archive")
        }
        if let other = dockerMembers.first { throw ArchiveRefusal(other, "is not what imglife.json lists") }
    }

    private static func unlisted(_ digest: Digest) -> ArchiveRefusal {
        ArchiveRefusal("\(ArchiveEntryName.blob(digest))", "is not what imglife.json lists")
    }
}

/// The members of a docker archive by their names, of which only digests are kept.
private struct DockerMembers {
    /// The first name.
    private(set) var first: String?
    /// By the digests of their names, where the ledger has them.
    private var files = BlobTable()
    /// By the digests of their names, where ``targets`` has what they lead to.
    private var links = BlobTable()
    private var targets = BlobTable()

    /// - Returns: `false` when there was another of that name.
    mutating func add(_ name: String, _ place: Int) -> Bool {
        let key = key(name)
        let (position, _) = files.insert(.init(digest: key, size: Int64(place)))
        return links.position(of: key) == nil && files.list.size(at: position) == Int64(place)
    }

    /// - Returns: `false` when there was another of that name.
    mutating func add(_ name: String, linksTo target: String) -> Bool {
        let key = key(name)
        let place = Int64(targets.insert(.init(digest: Digest.of(ByteBuffer(string: target)), size: 0)).position)
        let (position, _) = links.insert(.init(digest: key, size: place))
        return files.position(of: key) == nil && links.list.size(at: position) == place
    }

    private mutating func key(_ name: String) -> Digest {
        first = first.map { min($0, name) } ?? name
        return Digest.of(ByteBuffer(string: name))
    }

    /// A link leads to another member, and no further.
    func place(of name: String) -> Int? {
        var key = Digest.of(ByteBuffer(string: name))
        if let link = links.position(of: key) { key = targets.list.digest(at: Int(links.list.size(at: link))) }
        return files.position(of: key).map { Int(files.list.size(at: $0)) }
    }
}
