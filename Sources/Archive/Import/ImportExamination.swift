import Cache
import OCI

/// Finds out what the images of an archive need, and whether it is all here.
final class ImportExamination {
    private let reading: ImportReading
    private let stage: ImportStage
    /// Manifests that were made here, because the archive has none, or not whole.
    private(set) var made: [Digest: Manifest]
    /// Images that nothing names.
    private(set) var unnamed: [Digest] = []

    init(_ reading: ImportReading, made: [Digest: Manifest]) {
        self.reading = reading
        stage = reading.stage
        self.made = made
    }

    /// An image and all that it needs.
    struct Examined {
        var root: ImportRoot
        var image: ImportClosure.Image
        /// What the archive lacks of the index that the root was.
        var narrowing: ImportReport.Narrowing?

        /// A file without a row, or one that a collection has just removed, cannot be relied on.
        mutating func lose(_ isLost: (Digest) -> Bool) {
            let known = Set(image.missing.map(\.digest))
            image.missing += image.members.values.filter { !known.contains($0.digest) && isLost($0.digest) }
                .sorted { $0.digest < $1.digest }
        }
    }

    /// The images that are taken, and what refers to them.
    func images(of selection: ImportSelection) throws -> [Examined] {
        var closure = ImportClosure(
            read: { try self.manifest($0) },
            holds: { try self.stage.contains($0) }
        )
        var images: [Examined] = []
        for root in selection.named {
            images.append(try narrowed(Examined(root: root, image: closure.image(root.descriptor)), &closure))
        }
        try addReferrers(selection.unnamed, to: &images, &closure)
        try addUnlisted(to: &images, listed: Set(selection.wanted.map(\.descriptor.digest)), &closure)
        return images
    }

    /// A referrer belongs to its subject, which may be a referrer itself; anything else without a name was not asked for.
    private func addReferrers(
        _ roots: [ImportRoot],
        to images: inout [Examined],
        _ closure: inout ImportClosure
    ) throws {
        var known = Set(images.flatMap(\.image.members.keys))
        var waiting: [Examined] = []
        // Another volume may have the manifest that says what a referrer belongs to.
        let isVolume = reading.contents.document?.volume != nil
        for root in roots {
            let examined = Examined(root: root, image: try closure.image(root.descriptor))
            if isVolume, examined.image.missing.contains(root.descriptor) {
                images.append(examined)
            } else {
                waiting.append(examined)
            }
        }
        // What our own archives list was asked for when they were written.
        if reading.contents.document != nil, reading.options.only.isEmpty {
            images += waiting
            return
        }
        while true {
            let next = waiting.filter { $0.image.subject.map { known.contains($0.digest) } ?? false }
            guard !next.isEmpty else { break }
            let taken = Set(next.map(\.root.descriptor.digest))
            waiting.removeAll { taken.contains($0.root.descriptor.digest) }
            known.formUnion(next.flatMap(\.image.members.keys))
            images += next
        }
        if reading.contents.document == nil { unnamed = waiting.map(\.root.descriptor.digest).sorted() }
    }

    /// What lies in a layout and refers to an image, and that no list names, comes along when it is whole.
    private func addUnlisted(
        to images: inout [Examined],
        listed: Set<Digest>,
        _ closure: inout ImportClosure
    ) throws {
        guard reading.contents.document == nil, reading.contents.texts[.index] != nil else { return }
        let known = Set(images.flatMap(\.image.members.keys))
        var candidates: [UnlistedReferrer] = []
        for (digest, file) in reading.contents.blobs
        where file.isText && file.size <= Manifest.maximumSize && !known.contains(digest) && !listed.contains(digest) {
            guard let bytes = try stage.contents(digest, limit: Manifest.maximumSize) else { continue }
            if let referrer = UnlistedReferrer(bytes, digest) { candidates.append(referrer) }
        }
        candidates.sort { $0.descriptor.digest < $1.descriptor.digest }
        for referrer in candidates.belonging(to: known) {
            let image = try closure.image(referrer.descriptor)
            if image.missing.isEmpty {
                images.append(Examined(root: ImportRoot(descriptor: referrer.descriptor), image: image))
            }
        }
    }

    /// A manifest that is here, or was made here.
    private func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        try made[descriptor.digest] ?? (try stage.contains(descriptor) ? stage.manifest(descriptor) : nil)
    }

    /// What is whole of an index that another program saved in part takes its place.
    private func narrowed(_ examined: Examined, _ closure: inout ImportClosure) throws -> Examined {
        guard reading.contents.document == nil, !examined.image.missing.isEmpty,
            let document = try manifest(examined.root.descriptor), case .index(let index) = document.content,
            let sparse = try SparseIndex(document, index, isWhole: { try closure.image($0).missing.isEmpty })
        else { return examined }
        let descriptor: Descriptor
        switch sparse.remainder {
        case .single(let child): descriptor = child
        case .made(let reduced):
            descriptor = reduced.descriptor
            made[descriptor.digest] = reduced
        }
        var root = ImportRoot(descriptor: descriptor)
        root.references = examined.root.references
        return Examined(
            root: root,
            image: try closure.image(descriptor),
            narrowing: .init(index: document.descriptor.digest, held: sparse.held, absent: sparse.absent)
        )
    }

    func checkOmitted(_ images: [Examined]) throws {
        guard let document = reading.contents.document, !document.omitted.isEmpty else { return }
        let needed = Set(images.flatMap(\.image.missing).map(\.digest))
        let isSelective = !reading.options.only.isEmpty
        let lacking = try document.omitted.filter { omission in
            try isSelective ? needed.contains(omission.blob.digest) : !stage.holds(omission.blob)
        }
        guard let first = lacking.first else { return }
        let receipts = Set(lacking.map(\.receipt)).sorted().map(\.description).joined(separator: ", ")
        throw ArchiveRefusal(
            "it leaves out \(lacking.count) \(lacking.count == 1 ? "blob" : "blobs") that this cache does not have, "
                + "because of the receipt \(receipts): \(Self.list(lacking.map(\.blob.digest), first.blob.digest)); "
                + "import the archives that brought them first, or export again without that receipt"
        )
    }

    private static func list(_ digests: [Digest], _ first: Digest) -> String {
        let shown = digests.prefix(20).map(\.description).joined(separator: ", ")
        return digests.count > 20 ? "\(shown) and \(digests.count - 20) more" : shown
    }

    func checkComplete(_ examined: Examined) throws(ArchiveRefusal) {
        guard let first = examined.image.missing.first else { return }
        let name = examined.root.references.first.map { "'\($0)'" } ?? "\(examined.root.descriptor.digest)"
        throw ArchiveRefusal(
            "it is incomplete: \(name) needs \(first.digest) of \(first.size) bytes"
                + (examined.image.missing.count > 1 ? " and \(examined.image.missing.count - 1) more" : "")
                + ", which is neither in it nor in the cache; write it again with all that it needs, for example with "
                + "'skopeo copy --all', or one platform with 'docker save --platform'"
        )
    }
}
