import Cache
import NIOCore
import OCI

/// One image that an archive offers.
struct ImportRoot {
    let descriptor: Descriptor
    /// The names that it is to have; none for what only belongs to another image, or is nameless.
    var references: [ImageReference] = []
    /// A name that is a tag alone.
    var tag: TagName?
    /// The repository that lists it as referring to another image, where the archive says so.
    var repository: RepositoryReference?
}

extension ImportRoot {
    private static let referenceName = ImageLayout.referenceName
    private static let containerdName = ImageLayout.containerdName

    /// The images that an `index.json` lists.
    static func roots(index bytes: ByteBuffer) throws(ArchiveRefusal) -> [ImportRoot] {
        let manifest: Manifest
        do throws(DocumentError) {
            manifest = try Manifest(bytes: bytes, contentType: .ociIndex)
        } catch {
            throw ArchiveRefusal("index.json", "is no index that may be used: \(error)")
        }
        guard case .index(let index) = manifest.content else {
            throw ArchiveRefusal("index.json", "is no index")
        }
        return try index.entries.map { entry throws(ArchiveRefusal) in
            guard entry.descriptor.mediaType.isManifest else {
                throw ArchiveRefusal(
                    "index.json",
                    "lists '\(entry.descriptor.mediaType.description.displaySafe)', which is no image"
                )
            }
            return try ImportRoot(entry)
        }
    }

    private init(_ entry: ImageIndex.Entry) throws(ArchiveRefusal) {
        descriptor = entry.descriptor
        if let name = entry.annotations[Self.containerdName] {
            references = try Self.references(name, to: descriptor)
        } else if let name = entry.annotations[Self.referenceName] {
            // Many programs write the tag alone.
            if let tag = try? TagName(name) {
                self.tag = tag
            } else {
                references = try Self.references(name, to: descriptor)
            }
        }
    }

    /// What a name adds to the digest beside it: containerd names what was pulled by a digest by that digest.
    private static func references(
        _ text: String,
        to descriptor: Descriptor
    ) throws(ArchiveRefusal) -> [ImageReference] {
        if text == "\(descriptor.digest)" || text == "@\(descriptor.digest)" { return [] }
        guard let name = try? ImageReference(text), let digest = name.digest else { return [try reference(text)] }
        guard digest == descriptor.digest else {
            throw ArchiveRefusal("its name '\(text.displaySafe)' is that of another image than \(descriptor.digest)")
        }
        return name.tag.map { [ImageReference(location: name.location, tag: $0)] } ?? []
    }

    /// The images of an archive that imglife wrote.
    static func roots(document: ArchiveDocument) -> [ImportRoot] {
        document.images.map { ImportRoot(descriptor: $0.descriptor, references: [$0.reference]) }
            + document.referrers.map { ImportRoot(descriptor: $0.descriptor, repository: $0.repository) }
    }

    /// A name as docker, podman and containerd write it; it must have a tag.
    static func reference(_ text: String) throws(ArchiveRefusal) -> ImageReference {
        let reference: ImageReference
        do throws(ReferenceError) {
            reference = try ImageReference(text)
        } catch {
            throw ArchiveRefusal("its name '\(text.displaySafe)' cannot be used: \(error.reason)")
        }
        guard let tag = reference.tag, reference.digest == nil else {
            throw ArchiveRefusal("its name '\(text.displaySafe)' is not a repository with a tag")
        }
        return ImageReference(location: reference.location, tag: tag)
    }
}

extension [ImportRoot] {
    /// Gives names to those that have a tag alone, or nothing.
    ///
    /// - Throws: ``ArchiveRefusal`` where a name is missing, or stands for two images.
    func named(as name: ImageReference?) throws(ArchiveRefusal) -> [ImportRoot] {
        var roots = self
        for position in indices {
            guard let tag = roots[position].tag else { continue }
            guard let name else {
                throw ArchiveRefusal(
                    "it names an image by the tag '\(tag)' alone; say which repository that is of with --as REPOSITORY"
                )
            }
            roots[position].references = [ImageReference(location: name.location, tag: tag)]
        }
        if roots.count == 1, roots[0].references.isEmpty, let name, let tag = name.tag {
            roots[0].references = [ImageReference(location: name.location, tag: tag)]
        }
        guard roots.contains(where: { !$0.references.isEmpty }) else {
            throw ArchiveRefusal(
                roots.isEmpty
                    ? "it holds no image" : "its images have no names; name a single one with --as REPOSITORY:TAG"
            )
        }
        try roots.checkNames()
        return roots
    }

    private func checkNames() throws(ArchiveRefusal) {
        var digests: [ImageReference: Digest] = [:]
        for root in self {
            for reference in root.references
            where digests.updateValue(root.descriptor.digest, forKey: reference) ?? root.descriptor.digest
                != root.descriptor.digest
            {
                throw ArchiveRefusal("the name '\(reference)' stands for two images in it")
            }
        }
    }
}
