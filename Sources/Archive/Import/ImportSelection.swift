import Glibc
import OCI

/// Which of an archive's images are taken, and what they are called.
struct ImportSelection {
    /// With the names that are to be applied; sorted by them.
    private(set) var named: [ImportRoot] = []
    /// What has no name: referrers of the others, and images that nobody asked for.
    private(set) var unnamed: [ImportRoot] = []
    /// Names that no pattern matches, as the archive writes them.
    private(set) var skipped: [String] = []

    var wanted: [ImportRoot] { named + unnamed }

    /// Leaves out the names that none of the globs matches, and then gives names to what has no usable one.
    ///
    /// - Parameters:
    ///   - roots: what the archive offers.
    ///   - globs: none means all names.
    ///   - name: the repository for images without one of their own; its tag is for a single image.
    ///   - isReferrer: whether something without a name belongs to another image; asked only where it matters.
    /// - Throws: ``ArchiveRefusal`` when nothing is left, a name cannot be used or stands for two images, or `name` would
    ///   be of no use; what `isReferrer` throws.
    init(
        _ roots: [ImportRoot],
        only globs: [String],
        as name: ImageReference?,
        isReferrer: (Descriptor) throws -> Bool
    ) throws {
        var naming = ImportNaming(name: name)
        for root in roots {
            let kept = root.names.filter { candidate in
                let text = candidate.text(as: name)
                let isWanted = globs.isEmpty || globs.contains { fnmatch($0, text, 0) == 0 }
                if !isWanted { skipped.append(text) }
                return isWanted
            }
            if kept.isEmpty {
                if root.names.isEmpty { unnamed.append(root) }
            } else {
                var root = root
                root.names = kept
                named.append(root)
            }
        }
        try naming.name(&named)
        try naming.name(nameless: &unnamed, &named, isReferrer)
        attach()
        guard !named.isEmpty else { throw refusal(isEmpty: roots.isEmpty) }
        try naming.checkUse(named)
        try checkNames()
        named.sort { $0.references[0].description < $1.references[0].description }
    }

    /// What cosign saved beside an image is called after it.
    private mutating func attach() {
        var left: [ImportRoot] = []
        for root in unnamed {
            let images = named.filter { $0.descriptor.digest == root.attachment?.image }
            guard let tag = root.attachment?.tag, !images.isEmpty else {
                left.append(root)
                continue
            }
            var root = root
            root.references = Set(images.flatMap(\.references).map(\.location)).sorted().map {
                ImageReference(location: $0, tag: tag)
            }
            named.append(root)
        }
        unnamed = left
    }

    private func refusal(isEmpty: Bool) -> ArchiveRefusal {
        if !skipped.isEmpty {
            let names = skipped.prefix(5).map(\.displaySafe).joined(separator: ", ")
            return ArchiveRefusal("none of its images matches --only; it holds \(names)")
        }
        return ArchiveRefusal(
            isEmpty ? "it holds no image" : "its images have no names; name a single one with --as REPOSITORY:TAG"
        )
    }

    private func checkNames() throws(ArchiveRefusal) {
        var digests: [ImageReference: Digest] = [:]
        for root in named {
            for reference in root.references
            where digests.updateValue(root.descriptor.digest, forKey: reference) ?? root.descriptor.digest
                != root.descriptor.digest
            {
                throw ArchiveRefusal("the name '\(reference)' stands for two images in it")
            }
        }
    }
}

/// Gives names to images, with the help of the one that `--as` says.
private struct ImportNaming {
    let name: ImageReference?
    private var isUsed = false

    init(name: ImageReference?) {
        self.name = name
    }

    /// Turns the names that an archive gives into those that images get.
    mutating func name(_ roots: inout [ImportRoot]) throws(ArchiveRefusal) {
        let partial = roots.flatMap(\.names).filter { if case .reference = $0 { false } else { true } }
        if let name, name.tag != nil, partial.count > 1 { throw Self.tooMany(partial, for: name) }
        for position in roots.indices {
            var references: [ImageReference] = []
            for name in roots[position].names { references.append(try reference(for: name)) }
            roots[position].references = references.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        }
    }

    private static func tooMany(_ names: [ImportName], for name: ImageReference) -> ArchiveRefusal {
        ArchiveRefusal(
            "--as \(name) can name a single image, but \(names.count) of its names have no repository: "
                + names.prefix(5).map { $0.text(as: nil).displaySafe }.joined(separator: ", ")
                + (names.count > 5 ? " and more" : "") + "; leave the tag out of --as, or choose one with --only"
        )
    }

    private mutating func reference(for candidate: ImportName) throws(ArchiveRefusal) -> ImageReference {
        switch candidate {
        case .reference(let reference): return reference
        case .tag(let tag):
            guard let name else {
                throw ArchiveRefusal(
                    "it names an image by the tag '\(tag)' alone; say which repository that is of with --as REPOSITORY"
                )
            }
            isUsed = true
            return ImageReference(location: name.location, tag: name.tag ?? tag)
        case .unusable(let text, let reason):
            guard let name else {
                throw ArchiveRefusal(
                    "its name '\(text.displaySafe)' cannot be used: \(reason); say what it is to be called with --as "
                        + "REPOSITORY:TAG, or leave it out with --only"
                )
            }
            isUsed = true
            let tag = name.tag ?? ImportName.tag(of: text) ?? ImportName.latest
            return ImageReference(location: name.location, tag: tag)
        }
    }

    /// Names a single image that has none.
    mutating func name(
        nameless roots: inout [ImportRoot],
        _ named: inout [ImportRoot],
        _ isReferrer: (Descriptor) throws -> Bool
    ) throws {
        guard let name, !isUsed else { return }
        let images = try roots.indices.filter { position in
            try roots[position].attachment == nil && roots[position].repository == nil
                && !isReferrer(roots[position].descriptor)
        }
        guard let position = images.first else { return }
        guard images.count == 1 else {
            throw ArchiveRefusal(
                "it holds \(images.count) images without a name, and --as can name a single one; it names "
                    + images.prefix(5).map { "\(roots[$0].descriptor.digest)" }.joined(separator: ", ")
                    + (images.count > 5 ? " and more" : "") + " by their digests alone"
            )
        }
        isUsed = true
        var root = roots.remove(at: position)
        root.references = [ImageReference(location: name.location, tag: name.tag ?? ImportName.latest)]
        named.append(root)
    }

    /// - Throws: ``ArchiveRefusal`` where `--as` would be ignored.
    func checkUse(_ named: [ImportRoot]) throws(ArchiveRefusal) {
        guard let name, !isUsed else { return }
        let names = named.flatMap(\.references).prefix(5).map(\.description).joined(separator: ", ")
        throw ArchiveRefusal(
            "its images have names of their own, and --as \(name) would change none: \(names); leave it out"
        )
    }
}
