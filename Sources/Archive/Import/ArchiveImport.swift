import Cache
import OCI

/// Decides what of an archive that has been read becomes visible, and makes it so: blobs, manifests, tags.
final class ArchiveImport {
    private let reading: ImportReading
    private let stage: ImportStage
    private let cache: ContentCache
    /// Manifests that were made here, because the archive has none.
    private var made: [Digest: Manifest] = [:]
    private var report = ImportReport()
    /// Names of parts in `ingest/` whose blobs have been joined.
    private var joined: [String] = []

    init(_ reading: ImportReading) {
        self.reading = reading
        stage = reading.stage
        cache = reading.stage.cache
    }

    func run() async throws -> ImportReport {
        let selection = try roots().matching(reading.options.only)
        report.skipped = selection.skipped
        try await joinParts()
        var images = try examine(selection)
        let held = try await cache.hold(images.flatMap(\.image.members.values))
        for position in images.indices { images[position].lose { !isHere($0, held) } }
        try checkOmitted(images)
        guard let volume = reading.document?.volume else {
            for image in images { try checkComplete(image) }
            try await publish(images)
            return report
        }
        try await publish(images.filter(\.image.missing.isEmpty))
        try await keep(volume, images.filter { !$0.image.missing.isEmpty })
        for name in joined { try cache.ingestDirectory.remove(name) }
        return report
    }

    private func isHere(_ digest: Digest, _ held: Set<Digest>) -> Bool {
        held.contains(digest) || stage.files[digest] != nil || made[digest] != nil
    }

    private func roots() throws -> [ImportRoot] {
        if let document = reading.document { return ImportRoot.roots(document: document) }
        let name = reading.options.name
        if let index = reading.texts[.index] {
            guard reading.texts[.layout] != nil else {
                throw ArchiveRefusal("it has an index.json, but no oci-layout")
            }
            return try ImportRoot.roots(index: index).named(as: name)
        }
        guard let listing = reading.texts[.dockerManifest] else {
            throw ArchiveRefusal("it is no image archive: it has neither an index.json nor a manifest.json")
        }
        let docker = DockerImages(
            file: dockerFile,
            contents: { [stage] file in try stage.contents(file.digest, limit: Manifest.maximumSize) }
        )
        let images = try docker.images(listing)
        for image in images { made[image.manifest.descriptor.digest] = image.manifest }
        return try images.map(\.root).named(as: name)
    }

    /// A link leads to another member, and no further.
    private func dockerFile(_ name: String) -> DockerImages.File? {
        let name = reading.links[name] ?? name
        if let file = reading.dockerFiles[name] { return file }
        guard case .blob(let digest) = try? ArchiveEntryName(name), let size = reading.blobs[digest] else { return nil }
        return DockerImages.File(digest: digest, size: size, head: reading.heads[digest] ?? [])
    }

    private func joinParts() async throws {
        guard let document = reading.document else { return }
        for blob in Set(document.parts.map(\.blob)).sorted(by: { $0.digest < $1.digest }) {
            if try await stage.isPresent(blob.digest, size: blob.size) { continue }
            joined += try await stage.assemble(blob, set: document.volume?.set) ?? []
        }
    }
}

extension ArchiveImport {
    /// An image and all that it needs.
    struct Examined {
        var root: ImportRoot
        var image: ImportClosure.Image
        /// What the archive lacks of the index that the root was.
        var narrowing: ImportReport.Narrowing?

        /// A file without a row, or one that a collection has just removed, cannot be relied on.
        fileprivate mutating func lose(_ isLost: (Digest) -> Bool) {
            let known = Set(image.missing.map(\.digest))
            image.missing += image.members.values.filter { !known.contains($0.digest) && isLost($0.digest) }
                .sorted { $0.digest < $1.digest }
        }
    }

    private func examine(_ selection: ImportSelection) throws -> [Examined] {
        var closure = ImportClosure(read: { try self.manifest($0) }, holds: { self.stage.contains($0) })
        let named = try selection.named.map { root in
            try narrowed(Examined(root: root, image: closure.image(root.descriptor)), &closure)
        }
        var images = named
        var known = Set(named.flatMap(\.image.members.keys))
        var waiting: [Examined] = []
        for root in selection.unnamed {
            let examined = Examined(root: root, image: try closure.image(root.descriptor))
            // Another volume may have the manifest that says what it belongs to.
            if reading.document?.volume != nil, examined.image.missing.contains(root.descriptor) {
                images.append(examined)
            } else {
                waiting.append(examined)
            }
        }
        // A referrer belongs to its subject, which may be a referrer itself; anything else was not asked for.
        while true {
            let next = waiting.filter { $0.image.subject.map { known.contains($0.digest) } ?? false }
            guard !next.isEmpty else { break }
            let taken = Set(next.map(\.root.descriptor.digest))
            waiting.removeAll { taken.contains($0.root.descriptor.digest) }
            known.formUnion(next.flatMap(\.image.members.keys))
            images += next
        }
        if reading.document == nil { report.unnamed += waiting.count }
        return images
    }

    /// A manifest that is here, or was made here.
    private func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        try made[descriptor.digest] ?? (stage.contains(descriptor) ? stage.manifest(descriptor) : nil)
    }

    /// What is whole of an index that another program saved in part takes its place.
    private func narrowed(_ examined: Examined, _ closure: inout ImportClosure) throws -> Examined {
        guard reading.document == nil, !examined.image.missing.isEmpty,
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

    private func checkOmitted(_ images: [Examined]) throws(ArchiveRefusal) {
        guard let document = reading.document, !document.omitted.isEmpty else { return }
        let needed = Set(images.flatMap(\.image.missing).map(\.digest))
        let isSelective = !reading.options.only.isEmpty
        let lacking = document.omitted.filter { omission in
            isSelective ? needed.contains(omission.blob.digest) : !stage.holds(omission.blob)
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

    private func checkComplete(_ examined: Examined) throws(ArchiveRefusal) {
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

extension ArchiveImport {
    /// Commits what images consist of, children first, and then points their names at them.
    private func publish(_ images: [Examined]) async throws {
        var members: [Digest: Descriptor] = [:]
        for image in images { members.merge(image.image.members) { first, _ in first } }
        report.presentBlobs = members.keys.count { stage.files[$0] == nil && made[$0] == nil }
        try await commit(members.values.filter { !$0.mediaType.isManifest }.compactMap { stage.files[$0.digest] })
        for level in try levels(members.values.filter(\.mediaType.isManifest)) {
            let files = level.compactMap { stage.files[$0.descriptor.digest] }
            try await commit(files, as: Dictionary(uniqueKeysWithValues: level.map { ($0.descriptor.digest, $0) }))
            for manifest in level { try await cache.store(manifest, from: nil) }
        }
        for image in images { try await tag(image) }
        for image in images { try await list(image, among: images) }
        try await cache.writeLayout()
    }

    /// Lists a referrer in the repository that the archive names, or in those of the images that it belongs to.
    private func list(_ referrer: Examined, among images: [Examined]) async throws {
        guard referrer.root.references.isEmpty, let subject = referrer.image.subject?.digest else { return }
        let locations =
            referrer.root.repository.map { [$0] }
            ?? images.filter { $0.image.members[subject] != nil }.flatMap(\.root.references).map(\.location)
        for location in Set(locations) {
            try await cache.names.addReferrers(of: subject, in: location, [referrer.root.descriptor])
        }
    }

    private func commit(_ files: [StagedFile], as manifests: [Digest: Manifest] = [:]) async throws {
        try await cache.commit(files, as: manifests)
        stage.forget(files)
        report.blobs += files.count
        report.bytes += files.reduce(0) { $0 + $1.size }
    }

    /// Manifests such that each comes after those that it refers to.
    private func levels(_ descriptors: [Descriptor]) throws -> [[Manifest]] {
        var waiting = try descriptors.sorted { $0.digest < $1.digest }.map { descriptor in
            guard let manifest = try made[descriptor.digest] ?? stage.manifest(descriptor) else {
                throw ArchiveRefusal("\(descriptor.digest) was removed from the cache meanwhile; import again")
            }
            return manifest
        }
        var levels: [[Manifest]] = []
        while !waiting.isEmpty {
            let digests = Set(waiting.map(\.descriptor.digest))
            let ready = waiting.filter { $0.references.allSatisfy { !digests.contains($0.digest) } }
            guard !ready.isEmpty else { throw ArchiveRefusal("its indexes refer to one another in a circle") }
            let done = Set(ready.map(\.descriptor.digest))
            waiting.removeAll { done.contains($0.descriptor.digest) }
            levels.append(ready)
        }
        return levels
    }

    private func tag(_ examined: Examined) async throws {
        let root = examined.root
        for reference in root.references {
            guard let tag = reference.tag else { continue }
            let earlier = try await cache.names.resolve(.tag(tag), in: reference.location)
            try await cache.names.record(tag, of: reference.location, as: root.descriptor)
            let outcome: ImportReport.Outcome =
                switch earlier?.digest {
                case nil: .added
                case root.descriptor.digest: .unchanged
                case let digest?: .moved(from: digest)
                }
            report.images.append(
                .init(
                    reference: reference,
                    descriptor: root.descriptor,
                    outcome: outcome,
                    narrowing: examined.narrowing
                )
            )
        }
    }

    /// Keeps what a volume has brought until the others have come.
    private func keep(_ volume: ArchiveDocument.Volume, _ waiting: [Examined]) async throws {
        guard let document = reading.document, !waiting.isEmpty else {
            try await cache.release(importSet: volume.set)
            return
        }
        try await commit(Array(stage.files.values))
        let kept = document.blobs + document.omitted.map(\.blob) + document.parts.map(\.blob)
        let present = try await cache.keep(kept.map(\.digest), of: volume.set, volume: volume.number)
        let missing = (1...volume.count).filter { !present.contains($0) }
        guard !missing.isEmpty else { throw lost(waiting) }
        report.volumes = .init(set: volume.set, missing: missing, count: volume.count)
        for examined in waiting {
            for reference in examined.root.references {
                report.images.append(
                    .init(reference: reference, descriptor: examined.root.descriptor, outcome: .waiting, narrowing: nil)
                )
            }
        }
    }

    private func lost(_ waiting: [Examined]) -> ArchiveRefusal {
        let digest = waiting.first?.image.missing.first?.digest
        return ArchiveRefusal(
            "all volumes of its set have been imported, but \(digest?.description ?? "a blob") is not here; import all "
                + "of them again"
        )
    }
}
