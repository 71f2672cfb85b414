import Cache
import OCI

/// Finds out what the images of an archive need, and whether it is all here.
final class ImportExamination {
    private let reading: ImportReading
    private let stage: ImportStage
    /// What has no name and belongs to nothing that is taken.
    private var others: [Descriptor] = []
    /// What was read that refers to other images than those that are taken, and what it refers to.
    private(set) var unchosen: [(referrer: Digest, subject: Digest?)] = []
    /// The numbers of what has names, comes along unasked, and is not whole or cannot be used.
    private var leftOut: Set<UInt32> = []

    private var closure = ImportClosure(read: { _ in nil }, holds: { _ in false })

    init(_ reading: ImportReading) {
        self.reading = reading
        stage = reading.stage
        closure = ImportClosure(
            read: { [unowned self] in try manifest($0) },
            holds: { [stage] in try stage.contains($0) }
        )
    }

    /// An image and what is to be known of all that it needs, which is looked up again when it is wanted: there may be too
    /// much of it.
    struct Examined {
        let descriptor: Descriptor
        /// What all names that are to stand for it have in common; `nil` where none is.
        let number: UInt32?
        /// The repository that lists it as referring to another image, where the archive says so.
        let repository: RepositoryReference?
        /// In the order in which they were met.
        var missing: [Descriptor]
        let subject: Descriptor?
        /// What the archive lacks of the index that the name says.
        var narrowing: ImportReport.Narrowing?

        fileprivate init(
            _ descriptor: Descriptor,
            _ image: ImportClosure.Image,
            number: UInt32? = nil,
            repository: RepositoryReference? = nil,
            narrowing: ImportReport.Narrowing? = nil
        ) {
            self.descriptor = descriptor
            self.number = number
            self.repository = repository
            missing = image.missing
            subject = image.subject
            self.narrowing = narrowing
        }
    }

    /// All that an image consists of, manifests included.
    func members(of image: Examined) throws -> some Collection<Descriptor> {
        try closure.image(image.descriptor).members.values
    }

    /// The images that are taken, and what refers to them.
    func images(of selection: ImportSelection) async throws -> [Examined] {
        var images: [Examined] = []
        for number in selection.named.distinct {
            let descriptor = selection.named.descriptor(numbered: number)
            let isAttached = selection.attached.contains(descriptor.digest)
            if let image = try await examined(descriptor, number, isDispensable: isAttached) {
                images.append(image)
            } else {
                leftOut.insert(number)
            }
        }
        let isForeign = reading.contents.document == nil
        if !selection.nameless.isEmpty || isForeign {
            for image in images { try need(image) }
        }
        try addReferrers(selection, to: &images)
        if isForeign { try addUnlisted(to: &images, selection) }
        return images
    }

    /// What some names stand for, unless nobody has asked for it and it is of no use.
    private func examined(_ descriptor: Descriptor, _ number: UInt32, isDispensable: Bool) async throws -> Examined? {
        guard let image = try image(descriptor, isDispensable: isDispensable) else { return nil }
        let examined = try await narrowed(Examined(descriptor, image, number: number))
        return isDispensable && lacksAnything(examined) ? nil : examined
    }

    /// What an image needs.
    ///
    /// - Returns: `nil` for what cannot be used, if nobody has asked for it.
    private func image(_ descriptor: Descriptor, isDispensable: Bool) throws -> ImportClosure.Image? {
        do {
            return try closure.image(descriptor)
        } catch is ArchiveRefusal where isDispensable {
            return nil
        }
    }

    /// Whether something of it will not come, and is not merely gone meanwhile.
    private func lacksAnything(_ image: Examined) -> Bool {
        reading.contents.document?.volume == nil && image.missing.contains { !hasPassed($0) }
    }

    /// Names that would come along with images and are of no use; sorted.
    func unusable(of selection: ImportSelection) -> [String] {
        let named = selection.named
        let positions = named.indices.filter { !leftOut.isEmpty && leftOut.contains(named.number(at: $0)) }
        return (selection.ambiguous + positions.map(named.text)).sorted()
    }

    /// Notes what an image that is taken consists of.
    ///
    /// - Returns: that.
    @discardableResult
    private func need(_ image: Examined) throws -> [Digest] {
        try members(of: image).map { member in
            stage.ledger.mark(.needed, member.digest, size: member.size)
            return member.digest
        }
    }

    private func isNeeded(_ digest: Digest) -> Bool { stage.ledger.has(.needed, digest) }

    /// Protects all that images need and that is not held yet, and notes what cannot be relied on: a file without a row, or
    /// one that a collection has just removed.
    func hold(_ images: inout [Examined]) async throws {
        var waiting: [(position: Int, members: [Descriptor])] = []
        var count = 0
        for position in images.indices {
            let members = try members(of: images[position]).filter { !isHeld($0.digest) }
            waiting.append((position, members))
            count += members.count
            guard count >= Self.heldAtOnce || position == images.count - 1 else { continue }
            let held = try await stage.cache.hold(waiting.flatMap(\.members))
            for (position, members) in waiting {
                let known = Set(images[position].missing.map(\.digest))
                images[position].missing += members.filter { member in
                    !known.contains(member.digest) && !held.contains(member.digest)
                        && stage.ledger.staged(member.digest) == nil
                }.sorted { $0.digest < $1.digest }
            }
            for member in waiting.lazy.flatMap(\.members) {
                stage.ledger.mark(.leased, member.digest, size: member.size)
                if held.contains(member.digest) { stage.ledger.mark(.present, member.digest, size: member.size) }
            }
            (waiting, count) = ([], 0)
        }
    }

    /// Whether asking once more would change nothing; images have much in common.
    private func isHeld(_ digest: Digest) -> Bool {
        let ledger = stage.ledger
        return ledger.has(.present, digest) || ledger.has(.leased, digest) && ledger.has(.staged, digest)
    }

    /// How many blobs and manifests are gathered before they are held.
    private static let heldAtOnce = 4000

    /// A referrer belongs to its subject, which may be a referrer itself; anything else without a name was not asked for.
    private func addReferrers(_ selection: ImportSelection, to images: inout [Examined]) throws {
        var waiting: [Examined] = []
        // Another volume may have the manifest that says what a referrer belongs to.
        let isVolume = reading.contents.document?.volume != nil
        // What our own archives list was asked for when they were written.
        let isAsked = reading.contents.document != nil && reading.options.only.isEmpty
        let isChosen = reading.contents.document == nil && !reading.options.only.isEmpty
        // In a repository of which nothing is taken it belongs to nothing that is.
        let homes = isVolume && !isAsked && reading.options.name == nil ? selection.named.locations : nil
        for root in selection.nameless {
            guard let image = try image(root.descriptor, isDispensable: !isAsked) else {
                others.append(root.descriptor)
                continue
            }
            let examined = Examined(root.descriptor, image, repository: root.repository)
            if isChosen, lacksAnything(examined) {
                others.append(root.descriptor)
            } else if isVolume, examined.missing.contains(root.descriptor) {
                if root.repository.map({ homes?.contains($0) ?? true }) ?? true { images.append(examined) }
            } else {
                waiting.append(examined)
            }
        }
        if isAsked {
            images += waiting
            return
        }
        let (taken, left) = try waiting.divided(bySubject: { $0.subject?.digest }, isKnown: isNeeded, taking: need)
        images += taken
        others += left.map(\.descriptor)
        unchosen = left.map { ($0.descriptor.digest, $0.subject?.digest) }
    }

    /// Images that nothing names, of all that the archive offers, also under names that are not wanted; what is listed
    /// beside an index that lists it as well is none of its own.
    func unnamed(of offer: ImportOffer) -> [Digest] {
        guard !others.isEmpty, reading.contents.document == nil else { return [] }
        var parts: Set<Digest> = []
        let named = offer.names.distinct.map { offer.names.descriptor(numbered: $0) }
        for top in named + others {
            // What is wrong with an image that is not taken is nobody's concern.
            guard let image = try? closure.image(top) else { continue }
            parts.formUnion(image.members.keys.filter { $0 != top.digest })
        }
        return others.map(\.digest).filter { !parts.contains($0) && !isNeeded($0) }.sorted()
    }

    /// What lies in a layout and refers to an image, and that no list names, comes along when it is whole.
    private func addUnlisted(to images: inout [Examined], _ selection: ImportSelection) throws {
        guard reading.contents.index != nil else { return }
        var listed = Set(selection.nameless.map(\.descriptor.digest))
        for number in selection.named.distinct { listed.insert(selection.named.descriptor(numbered: number).digest) }
        var candidates: [UnlistedReferrer] = []
        for digest in stage.ledger.texts(atMost: Manifest.maximumSize) where !listed.contains(digest) {
            guard let bytes = try stage.contents(digest, limit: Manifest.maximumSize) else { continue }
            if let referrer = UnlistedReferrer(bytes, digest) { candidates.append(referrer) }
        }
        candidates.sort { $0.descriptor.digest < $1.descriptor.digest }
        for referrer in candidates.belonging(to: isNeeded) {
            let image = try image(referrer.descriptor, isDispensable: true)
            if let image, image.missing.isEmpty { images.append(Examined(referrer.descriptor, image)) }
        }
    }

    /// A manifest that is here.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        try stage.contains(descriptor) ? stage.manifest(descriptor) : nil
    }

    /// What is whole of an index that another program saved in part takes its place.
    private func narrowed(_ examined: Examined) async throws -> Examined {
        guard reading.contents.document == nil, !examined.missing.isEmpty,
            // What the archive holds is not absent from it, even where the cache has lost it meanwhile.
            !examined.missing.contains(where: hasPassed),
            let document = try manifest(examined.descriptor), case .index(let index) = document.content,
            let sparse = try SparseIndex(document, index, isWhole: { try closure.image($0).missing.isEmpty })
        else { return examined }
        let descriptor: Descriptor
        switch sparse.remainder {
        case .single(let child): descriptor = child
        case .made(let reduced):
            descriptor = reduced.descriptor
            try await stage.add(made: reduced)
        }
        return Examined(
            descriptor,
            try closure.image(descriptor),
            number: examined.number,
            narrowing: .init(index: document.descriptor.digest, held: sparse.held, absent: sparse.absent)
        )
    }

    func checkOmitted(_ images: [Examined]) throws {
        guard let document = reading.contents.document, !document.omitted.isEmpty else { return }
        let needed = Set(images.flatMap(\.missing).map(\.digest))
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

    private func hasPassed(_ descriptor: Descriptor) -> Bool {
        stage.ledger.passed(descriptor.digest)?.size == descriptor.size
    }

    /// The cache had what the archive holds, which was not written again therefore.
    static func removed(_ digest: Digest) -> ArchiveRefusal {
        ArchiveRefusal(
            "\(digest) of it was in the cache, and was removed or found damaged there while the archive was read; "
                + "import it again"
        )
    }

    func checkComplete(_ examined: Examined, _ names: NamedTops) throws(ArchiveRefusal) {
        guard !examined.missing.isEmpty else { return }
        let lacking = examined.missing.filter { !hasPassed($0) }
        guard let first = lacking.first else { throw Self.removed(examined.missing[0].digest) }
        let position = names.indices.first { names.number(at: $0) == examined.number }
        let name = position.map { "'\(names.text(at: $0))'" } ?? "\(examined.descriptor.digest)"
        throw ArchiveRefusal(
            "it is incomplete: \(name) needs \(first.digest) of \(first.size) bytes"
                + (lacking.count > 1 ? " and \(lacking.count - 1) more" : "")
                + ", which is neither in it nor in the cache; write it again with all that it needs, for example with "
                + "'skopeo copy --all', or one platform with 'docker save --platform'"
        )
    }
}
