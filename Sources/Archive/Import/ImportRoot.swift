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
    /// The images that an `index.json` lists, one entry after the other.
    struct List {
        private var images: [ImportRoot] = []
        /// What cosign and hauler saved, which belongs together by the names of the entries.
        private var saved: [(root: ImportRoot, kind: SavedKind, name: String?)] = []
        /// How many entries are something else.
        private(set) var foreign = 0

        mutating func add(_ entry: ImageIndex.Entry) throws(ArchiveRefusal) {
            // The lists of referrers in a cache's own directory are no images of it.
            guard entry.annotations[ImageLayout.referrersName]?.isEmpty ?? true else { return }
            guard entry.descriptor.mediaType.isManifest else {
                foreign += 1
                return
            }
            let name = entry.annotations[ImageLayout.containerdName] ?? entry.annotations[ImageLayout.referenceName]
            switch SavedKind(entry) {
            case .other: images.append(try ImportRoot(entry))
            case .image: saved.append((try ImportRoot(entry), .image, name))
            case .attachment(let suffix):
                // Its name is that of the image, which may not be here.
                var root = ImportRoot(descriptor: entry.descriptor)
                root.names = (try? ImportRoot(entry).names) ?? []
                saved.append((root, .attachment(suffix), name))
            }
        }

        var roots: [ImportRoot] {
            let known = saved.filter { $0.kind == .image }
            return images
                + saved.map { root, kind, name in
                    guard case .attachment(let suffix) = kind else { return root }
                    // The one that has the same name, or the only one.
                    let image = known.count == 1 ? known.first : known.first { name != nil && $0.name == name }
                    guard let image else { return root }
                    return ImportRoot(
                        descriptor: root.descriptor,
                        attachment: Attachment(image: image.root.descriptor.digest, suffix: suffix)
                    )
                }
        }
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
}
