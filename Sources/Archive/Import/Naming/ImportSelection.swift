import OCI

/// Which of an archive's images are taken, and what they are called.
struct ImportSelection {
    /// The names that are to be applied, whole references, each once, in order.
    private(set) var named = NamedTops()
    /// What has no name: referrers of the others, and images that nobody asked for.
    private(set) var nameless: [ImportRoot]
    /// Names that no pattern matches, as the archive writes them.
    private(set) var skipped = NameTexts()
    /// Names that `--as` took the place of.
    private(set) var replaced = ReplacedNames()

    /// Leaves out the names that none of the globs matches, and then gives names to what has no usable one.
    ///
    /// - Parameters:
    ///   - offer: what the archive offers.
    ///   - globs: none means all names.
    ///   - name: the repository for images without one of their own; its tag is for a single image.
    ///   - isReferrer: whether something without a name belongs to another image; asked only where it matters.
    /// - Throws: ``ArchiveRefusal`` when nothing is left, a name cannot be used or stands for two images, or `name` would
    ///   be of no use; what `isReferrer` throws.
    init(
        _ offer: ImportOffer,
        only globs: [String],
        as name: ImageReference?,
        isReferrer: (Descriptor) throws -> Bool
    ) throws {
        nameless = offer.nameless
        var naming = ImportNaming(name: name)
        try choose(offer, globs, &naming)
        replaced = naming.replaced
        try naming.name(nameless: &nameless, &named, isReferrer)
        attach()
        guard named.count > 0 else { throw refusal(isEmpty: offer.isEmpty) }
        try naming.checkUse(named)
        try settle()
    }

    private mutating func choose(_ offer: ImportOffer, _ globs: [String], _ naming: inout ImportNaming) throws {
        if globs.isEmpty, offer.isPlain {
            named = offer.names
            return
        }
        let isWanted = { [name = naming.name] position in
            // A tag alone is meant by what the archive says, and by what it becomes.
            let texts = [offer.text(at: position, as: name), offer.names.text(at: position)]
            let isName = name != nil || offer.isReference(at: position)
            let reference = isName ? try? ImageReference(texts[0]) : nil
            return globs.isEmpty
                || globs.map(NameGlob.init).contains { glob in
                    texts.contains(where: glob.matches) || reference.map(glob.matches) ?? false
                }
        }
        for position in offer.names.indices where !isWanted(position) {
            skipped.append(offer.text(at: position, as: naming.name))
        }
        try naming.checkCount(offer, isWanted)
        for position in offer.names.indices where isWanted(position) {
            named.append(try naming.text(offer, at: position), offer.names.descriptor(at: position))
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
            guard named.descriptor(at: position).digest == named.descriptor(at: position - 1).digest else {
                throw ArchiveRefusal("the name '\(named.text(at: position))' stands for two images in it")
            }
            isUnique = false
        }
        guard !isUnique else { return }
        var rest = NamedTops()
        for position in named.indices where !named.repeatsName(at: position) {
            rest.append(named.text(at: position), named.descriptor(at: position))
        }
        named = rest
    }
}
