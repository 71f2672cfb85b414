import Cache
import OCI

/// What the entries of an `index.json` offer, one after the other.
struct IndexOffer {
    private var offer = ImportOffer()
    /// The images that cosign and hauler saved, by the names of their entries.
    private var savedNames = NamedTops()
    private var savedCount = 0
    private var onlySaved: Descriptor?
    /// What belongs to these.
    private var attachments: [SavedAttachment] = []

    private struct SavedAttachment {
        let descriptor: Descriptor
        let suffix: String
        /// That of the image, which may not be here.
        let name: String?
        let names: [ImportName]
    }

    mutating func add(_ entry: ImageIndex.Entry) throws(ArchiveRefusal) {
        // Lists of referrers are no images.
        guard entry.annotations[LayoutEntry.referrersMark]?.isEmpty ?? true else { return }
        guard entry.descriptor.mediaType.isManifest else {
            offer.foreign += 1
            return
        }
        let name = entry.annotations[LayoutEntry.containerdName] ?? entry.annotations[LayoutEntry.referenceName]
        switch SavedKind(entry) {
        case .other: offer.add(try Self.names(entry), entry.descriptor)
        case .image:
            savedCount += 1
            onlySaved = savedCount == 1 ? entry.descriptor : nil
            if let name { savedNames.append(name, entry.descriptor) }
            offer.add(try Self.names(entry), entry.descriptor)
        case .attachment(let suffix):
            let names = (try? Self.names(entry)) ?? []
            attachments.append(.init(descriptor: entry.descriptor, suffix: suffix, name: name, names: names))
        }
    }

    private static func names(_ entry: ImageIndex.Entry) throws(ArchiveRefusal) -> [ImportName] {
        if let name = entry.annotations[LayoutEntry.containerdName] {
            return try ImportName(name, of: entry.descriptor).map { [$0] } ?? []
        }
        guard let name = entry.annotations[LayoutEntry.referenceName] else { return [] }
        if let tag = try? TagName(name) { return [.tag(tag)] }
        return try ImportName(name, of: entry.descriptor).map { [$0] } ?? []
    }

    /// All of it, once every entry has come.
    var whole: ImportOffer {
        var whole = offer
        let images = savedImages
        for attachment in attachments {
            // The one that has the same name, or the only one.
            guard let image = onlySaved?.digest ?? attachment.name.flatMap({ images[$0] }) else {
                whole.add(attachment.names, attachment.descriptor)
                continue
            }
            let place = ImportRoot.Attachment(image: image, suffix: attachment.suffix)
            whole.add(ImportRoot(descriptor: attachment.descriptor, attachment: place))
        }
        return whole
    }

    /// The images that attachments are named after; of several the first.
    private var savedImages: [String: Digest] {
        let wanted = Set(attachments.compactMap(\.name))
        var images: [String: Digest] = [:]
        guard !wanted.isEmpty else { return images }
        for position in savedNames.indices {
            let name = savedNames.text(at: position)
            if wanted.contains(name), images[name] == nil {
                images[name] = savedNames.descriptor(at: position).digest
            }
        }
        return images
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
