import NIOCore
import OCI

/// What of an archive has passed: the texts that say what it holds, and which blobs, parts and files of docker were in it.
///
/// Of what a document lists no more is kept than that it was there: an archive may have hundreds of thousands of blobs.
struct ImportContents {
    private(set) var document: ArchiveDocument?
    /// The texts that say what an archive without a document holds.
    private(set) var texts: [ImportMember: ByteBuffer] = [:]
    /// Blobs that no document lists, or none that has been read already.
    private(set) var blobs: [Digest: DockerImages.File] = [:]
    private(set) var dockerFiles: [String: DockerImages.File] = [:]
    private(set) var links: [String: String] = [:]
    /// Which of the document's blobs have passed, by their places in it.
    private var hasPassed: [Bool] = []
    private var parts: Set<ArchiveDocument.Part> = []
    private var digests: [ImportMember: Digest] = [:]

    /// Takes a small member.
    ///
    /// - Throws: ``ArchiveRefusal`` when there was another of that name.
    mutating func note(_ text: ByteBuffer, as meaning: ImportMember, _ name: String) throws(ArchiveRefusal) {
        let digest = Digest.of(text)
        guard digests.updateValue(digest, forKey: meaning) ?? digest == digest else { throw Self.twice(name) }
        if document == nil, meaning == .index || meaning == .dockerManifest { texts[meaning] = text }
    }

    /// Takes what an archive of imglife says of itself, which is all that counts then.
    mutating func note(_ document: ArchiveDocument) {
        self.document = document
        texts = [:]
        hasPassed = Array(repeating: false, count: document.blobs.count)
        let earlier = blobs.values
        blobs = [:]
        for file in earlier { note(file) }
    }

    mutating func note(_ file: DockerImages.File) {
        if let position = document?.position(of: file.digest), document?.blobs[position].size == file.size {
            hasPassed[position] = true
        } else {
            blobs[file.digest] = file
        }
    }

    mutating func note(_ part: ArchiveDocument.Part) { parts.insert(part) }

    mutating func note(_ name: String, _ file: DockerImages.File) throws(ArchiveRefusal) {
        guard links[name] == nil, dockerFiles.updateValue(file, forKey: name)?.digest ?? file.digest == file.digest
        else { throw Self.twice(name) }
    }

    mutating func note(_ name: String, linksTo target: String) throws(ArchiveRefusal) {
        guard dockerFiles[name] == nil, links.updateValue(target, forKey: name) ?? target == target else {
            throw Self.twice(name)
        }
    }

    /// - Throws: ``ArchiveRefusal`` when a blob of another size has passed under that name.
    func check(_ digest: Digest, size: Int64, _ name: String) throws(ArchiveRefusal) {
        let passed = document?.position(of: digest).flatMap { hasPassed[$0] ? document?.blobs[$0].size : nil }
        guard passed ?? blobs[digest]?.size ?? size == size else { throw Self.twice(name) }
    }

    private static func twice(_ name: String) -> ArchiveRefusal {
        ArchiveRefusal(name, "is in it twice, with different content")
    }

    /// The part that a member is, by what `imglife.json` lists.
    func part(_ digest: Digest, _ index: Int, _ member: TarMember) throws(ArchiveRefusal) -> ArchiveDocument.Part {
        guard let document else { throw ArchiveRefusal(member.name, "is a part, but stands before imglife.json") }
        let listed = document.parts.first { $0.blob.digest == digest && $0.index == index }
        guard let listed, listed.length == member.size else {
            throw ArchiveRefusal(member.name, "is not what imglife.json lists")
        }
        return listed
    }

    /// What `imglife.json` lists is in the archive, and nothing else.
    func checkLists() throws(ArchiveRefusal) {
        guard let document else { return }
        if let lacking = zip(document.blobs, hasPassed).first(where: { !$0.1 })?.0 {
            guard blobs[lacking.digest] == nil else { throw Self.unlisted(lacking.digest) }
            throw ArchiveRefusal("imglife.json", "lists \(lacking.digest), which is not in the archive")
        }
        if let other = blobs.keys.min() { throw Self.unlisted(other) }
        if let lacking = document.parts.first(where: { !parts.contains($0) }) {
            throw ArchiveRefusal("imglife.json", "lists \(lacking.name), which is not in the archive")
        }
        guard dockerFiles.isEmpty, links.isEmpty else {
            throw ArchiveRefusal(
                (dockerFiles.keys.sorted() + links.keys.sorted()).first,
                "is not what imglife.json lists"
            )
        }
    }

    private static func unlisted(_ digest: Digest) -> ArchiveRefusal {
        ArchiveRefusal("\(ArchiveEntryName.blob(digest))", "is not what imglife.json lists")
    }
}
