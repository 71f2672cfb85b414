import OCI

/// Gives names to images, with the help of the one that `--as` says.
struct ImportNaming {
    let name: ImageReference?
    /// What was given up for it.
    private(set) var replaced = ReplacedNames()
    private var isUsed = false

    init(name: ImageReference?) {
        self.name = name
    }

    /// Checks that a whole name is for one image alone of those that were asked for.
    func checkCount(_ offer: ImportOffer, _ isAsked: (Int) -> Bool) throws(ArchiveRefusal) {
        guard let name, name.tag != nil else { return }
        let others = offer.names.indices.filter { !offer.isReference(at: $0) && isAsked($0) }
        let count = others.count
        guard count > 1 else { return }
        throw ArchiveRefusal(
            "--as \(name) can name a single image, but \(count) of its names have no repository: "
                + others.map { offer.text(at: $0, as: nil) }.fewShown
                + "; leave the tag out of --as, or choose one of these with --only"
        )
    }

    /// The name that an image gets for one of those that an archive gives; if it keeps its tag, `--as` gives it the
    /// repository alone.
    mutating func text(
        _ offer: ImportOffer,
        at position: Int,
        keepsTag: Bool
    ) throws(ArchiveRefusal) -> String {
        if offer.isReference(at: position) { return offer.names.text(at: position) }
        let candidate = offer.name(at: position)
        let reference = try reference(for: candidate, keepsTag: keepsTag)
        // A repository is what a tag alone lacks: then nothing of it is lost.
        if case .tag(reference.tag) = candidate { return reference.description }
        replaced.append(candidate.text(as: nil), by: reference.description)
        return reference.description
    }

    private mutating func reference(
        for candidate: ImportName,
        keepsTag: Bool
    ) throws(ArchiveRefusal) -> ImageReference {
        if case .reference(let reference) = candidate { return reference }
        guard let name else { throw Self.refusal(candidate) }
        isUsed = true
        return ImageReference(location: name.location, tag: keepsTag ? candidate.tag : name.tag ?? candidate.tag)
    }

    private static func refusal(_ candidate: ImportName) -> ArchiveRefusal {
        guard case .unusable(let text, let reason) = candidate else {
            return ArchiveRefusal(
                "it names an image by the tag '\(candidate.tag)' alone; say which repository that is of with --as "
                    + "REPOSITORY"
            )
        }
        return ArchiveRefusal(
            "its name '\(text.displaySafe)' cannot be used: \(reason); say what it is to be called with --as "
                + "REPOSITORY:TAG, or leave it out with --only"
        )
    }

    /// Names a single image that has none.
    mutating func name(
        nameless roots: inout [ImportRoot],
        _ named: inout NamedTops,
        _ isReferrer: (Descriptor) -> Bool
    ) throws(ArchiveRefusal) {
        guard let name, !isUsed else { return }
        let images = roots.indices.filter { position in
            roots[position].attachment == nil && roots[position].repository == nil
                && !isReferrer(roots[position].descriptor)
        }
        guard let position = images.first else { return }
        guard images.count == 1 else {
            throw ArchiveRefusal(
                "it holds \(images.count) images without a name, and --as can name a single one; it names "
                    + images.map { "\(roots[$0].descriptor.digest)" }.fewShown + " by their digests alone"
            )
        }
        isUsed = true
        let reference = ImageReference(location: name.location, tag: name.tag ?? ImportName.latest)
        named.append("\(reference)", roots.remove(at: position).descriptor)
    }

    /// - Throws: ``ArchiveRefusal`` where `--as` would be ignored.
    func checkUse(_ named: NamedTops) throws(ArchiveRefusal) {
        guard let name, !isUsed else { return }
        let names = named.texts.fewShown
        throw ArchiveRefusal(
            "its images have names of their own, and --as \(name) would change none: \(names); leave it out"
        )
    }
}
