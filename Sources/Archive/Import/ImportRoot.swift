import Cache
import NIOCore
import OCI

/// One image that an archive offers.
struct ImportRoot {
    /// What cosign saves beside an image: a manifest that a tag made of the image's digest leads to.
    struct Attachment {
        let image: Digest
        /// `sig`, `att` or `sbom`.
        let suffix: String

        var tag: TagName? { try? TagName("\(image.algorithm.rawValue)-\(image.hex).\(suffix)") }
    }

    let descriptor: Descriptor
    /// As the archive gives them; none for what only belongs to another image, or is nameless.
    var names: [ImportName] = []
    /// The names that it is to have.
    var references: [ImageReference] = []
    /// The repository that lists it as referring to another image, where the archive says so.
    var repository: RepositoryReference?
    var attachment: Attachment?
}

extension ImportRoot {
    /// The images that an `index.json` lists, and how many entries of it are something else.
    static func roots(index bytes: ByteBuffer) throws(ArchiveRefusal) -> (images: [ImportRoot], foreign: Int) {
        // The lists of referrers in a cache's own directory are no images of it.
        let entries = try ArchiveIndex.entries(bytes).filter {
            $0.annotations[ImageLayout.referrersName]?.isEmpty ?? true
        }
        let images = entries.filter(\.descriptor.mediaType.isManifest)
        let kinds = images.map(SavedKind.init)
        let saved = zip(images, kinds).filter { $0.1 == .image }.map(\.0)
        let roots = try zip(images, kinds).map { entry, kind throws(ArchiveRefusal) in
            guard case .attachment(let suffix) = kind, let image = SavedKind.subject(of: entry, among: saved) else {
                return try ImportRoot(entry)
            }
            return ImportRoot(
                descriptor: entry.descriptor,
                attachment: Attachment(image: image.descriptor.digest, suffix: suffix)
            )
        }
        return (roots, entries.count - images.count)
    }

    private init(_ entry: ImageIndex.Entry) throws(ArchiveRefusal) {
        descriptor = entry.descriptor
        if let name = entry.annotations[ImageLayout.containerdName] {
            names = try ImportName(name, of: descriptor).map { [$0] } ?? []
        } else if let name = entry.annotations[ImageLayout.referenceName] {
            if let tag = try? TagName(name) {
                names = [.tag(tag)]
            } else {
                names = try ImportName(name, of: descriptor).map { [$0] } ?? []
            }
        }
    }

    /// The images of an archive that imglife wrote.
    static func roots(document: ArchiveDocument) -> [ImportRoot] {
        document.images.map { ImportRoot(descriptor: $0.descriptor, names: [.reference($0.reference)]) }
            + document.referrers.map { ImportRoot(descriptor: $0.descriptor, repository: $0.repository) }
    }
}

/// What `cosign save` and hauler say of an entry.
private enum SavedKind: Equatable {
    case image
    case attachment(String)
    case other

    init(_ entry: ImageIndex.Entry) {
        switch entry.annotations["kind"] {
        case "dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex": self = .image
        case "dev.cosignproject.cosign/sigs": self = .attachment("sig")
        case "dev.cosignproject.cosign/atts": self = .attachment("att")
        case "dev.cosignproject.cosign/sboms": self = .attachment("sbom")
        default: self = .other
        }
    }

    /// The image that has the same name, or the only one.
    static func subject(of entry: ImageIndex.Entry, among images: [ImageIndex.Entry]) -> ImageIndex.Entry? {
        let name = { (entry: ImageIndex.Entry) in
            entry.annotations[ImageLayout.containerdName] ?? entry.annotations[ImageLayout.referenceName]
        }
        if images.count == 1 { return images[0] }
        guard let wanted = name(entry) else { return nil }
        return images.first { name($0) == wanted }
    }
}
