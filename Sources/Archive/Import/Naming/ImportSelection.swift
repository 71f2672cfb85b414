import OCI

/// Which of an archive's images are taken, and what they are called.
struct ImportSelection {
    /// The names that are to be applied, whole references, each once, in order.
    private(set) var named = NamedTops()
    /// What has no name: referrers of the others, and images that nobody asked for.
    private(set) var nameless: [ImportRoot]
    /// Of what the names stand for that which comes along with images, and which nobody has asked for.
    private(set) var attached: Set<Digest> = []
    /// Names that are left out because no pattern matches them, as the archive writes them.
    private(set) var skipped = NameTexts()
    /// Names that would come along and stand for two images.
    private(set) var ambiguous: Set<String> = []
    /// Names that `--as` took the place of.
    private(set) var replaced = ReplacedNames()

    /// Leaves out the names that are not chosen, and then gives names to what has no usable one.
    ///
    /// - Parameters:
    ///   - offer: what the archive offers.
    ///   - globs: none means all names.
    ///   - name: the repository for images without one of their own; its tag is for a single image.
    ///   - read: a manifest, where it is there; asked only where it matters.
    /// - Throws: ``ArchiveRefusal`` when nothing is left, a name cannot be used or stands for two images, or `name` would
    ///   be of no use.
    init(
        _ offer: ImportOffer,
        only globs: [String],
        as name: ImageReference?,
        reading read: (Descriptor) throws -> Manifest?
    ) throws {
        nameless = offer.nameless
        var naming = ImportNaming(name: name)
        let isAll = globs.isEmpty && offer.isPlain
        let chosen = isAll ? nil : ChosenNames(of: offer, only: globs, as: name, reading: read)
        if let chosen { try choose(chosen, of: offer, &naming) } else { named = offer.names }
        replaced = naming.replaced
        try naming.name(nameless: &nameless, &named) { (try? read($0))?.subject != nil }
        attach()
        for position in offer.names.indices where !attached.isEmpty && chosen?[position] ?? .asked == .asked {
            attached.remove(offer.names.descriptor(at: position).digest)
        }
        if globs.isEmpty { attached = [] }
        guard named.count > 0 else { throw refusal(isEmpty: offer.isEmpty) }
        try naming.checkUse(named)
        try settle()
    }

    private mutating func choose(
        _ chosen: ChosenNames,
        of offer: ImportOffer,
        _ naming: inout ImportNaming
    ) throws(ArchiveRefusal) {
        for position in offer.names.indices where chosen[position] == .left {
            skipped.append(offer.text(at: position, as: naming.name))
        }
        try naming.checkCount(offer) { chosen[$0] == .asked }
        for position in offer.names.indices where chosen[position] != .left {
            let descriptor = offer.names.descriptor(at: position)
            let isAttached = chosen[position] == .attached
            named.append(try naming.text(offer, at: position, keepsTag: isAttached), descriptor)
            if isAttached { attached.insert(descriptor.digest) }
        }
    }

    /// What cosign saved beside an image is called after it.
    private mutating func attach() {
        let images = Set(nameless.compactMap(\.attachment?.image))
        guard !images.isEmpty else { return }
        var locations: [Digest: Set<RepositoryReference>] = [:]
        for position in named.indices {
            let digest = named.descriptor(at: position).digest
            guard images.contains(digest), let name = try? ImageReference(named.text(at: position)) else { continue }
            locations[digest, default: []].insert(name.location)
        }
        nameless = nameless.filter { root in
            guard let attachment = root.attachment, let tag = attachment.tag, let found = locations[attachment.image]
            else { return true }
            for location in found.sorted() { named.append("\(location):\(tag)", root.descriptor) }
            attached.insert(root.descriptor.digest)
            return false
        }
    }

    private func refusal(isEmpty: Bool) -> ArchiveRefusal {
        if !skipped.isEmpty {
            return ArchiveRefusal("none of its images matches --only; it holds \(skipped.fewShown)")
        }
        return ArchiveRefusal(
            isEmpty ? "it holds no image" : "its images have no names; name a single one with --as REPOSITORY:TAG"
        )
    }

    /// Puts the names in order, each once.
    private mutating func settle() throws(ArchiveRefusal) {
        named.sort()
        var isUnique = true
        for position in named.indices where named.repeatsName(at: position) {
            isUnique = false
            let pair = [position - 1, position].map { named.descriptor(at: $0).digest }
            guard pair[0] != pair[1] else { continue }
            guard attached.isSuperset(of: pair) else {
                throw ArchiveRefusal("the name '\(named.text(at: position))' stands for two images in it")
            }
            ambiguous.insert(named.text(at: position))
        }
        guard !isUnique else { return }
        var rest = NamedTops()
        for position in named.indices where !named.repeatsName(at: position) {
            let text = named.text(at: position)
            guard !ambiguous.contains(text) else { continue }
            rest.append(text, named.descriptor(at: position))
        }
        named = rest
    }
}
