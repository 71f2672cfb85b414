import Cache
import OCI

/// Makes images visible: blobs, manifests, tags.
final class ImportPublication {
    private let reading: ImportReading
    private let stage: ImportStage
    private let cache: ContentCache
    private let examination: ImportExamination
    private let names: NamedTops
    private var foreignLayers: Set<Digest> = []
    var report = ImportReport()

    /// Its names are those that are to be applied, in order.
    init(_ reading: ImportReading, _ examination: ImportExamination, _ names: NamedTops) {
        self.reading = reading
        stage = reading.stage
        cache = reading.stage.cache
        self.examination = examination
        self.names = names
    }

    /// Commits what images consist of, children first, and then points their names at them.
    func publish(_ images: [ImportExamination.Examined]) async throws {
        var manifests: [Digest: Descriptor] = [:]
        for image in images {
            for member in try examination.members(of: image)
            where stage.ledger.mark(.published, member.digest, size: member.size) {
                let isStaged = stage.ledger.has(.staged, member.digest)
                if !isStaged { report.presentBlobs += 1 }
                if member.mediaType.isManifest { manifests[member.digest] = member }
            }
        }
        // Not image by image: in the order of their digests neighbours share a page of the index.
        try await stage.ledger.forEachStaged(.published, atMost: Self.committedAtOnce) { files in
            try await commit(files.filter { manifests[$0.digest] == nil })
        }
        for level in try levels(manifests) { try await publish(level) }
        report.foreignLayers = foreignLayers.count
        try await tag(images)
        try await listReferrers(images)
        try await cache.writeLayout()
    }

    /// How many files, and bytes of manifests, are gathered before they are committed.
    private static let committedAtOnce = 4096
    private static let bytesAtOnce: Int64 = 1 << 20

    /// Manifests of which none refers to another.
    private func publish(_ level: [Descriptor]) async throws {
        var rest = level[...]
        while !rest.isEmpty {
            var bytes: Int64 = 0
            let next = rest.prefix { descriptor in
                defer { bytes += descriptor.size }
                return bytes < Self.bytesAtOnce
            }
            rest = rest.dropFirst(next.count)
            let manifests = try next.map(manifest)
            let files = next.compactMap { stage.ledger.staged($0.digest) }
            try await commit(files, as: Dictionary(uniqueKeysWithValues: manifests.map { ($0.descriptor.digest, $0) }))
            for manifest in manifests {
                try await cache.store(manifest, from: nil)
                guard case .image(let image) = manifest.content else { continue }
                foreignLayers.formUnion(image.foreignLayers.map { image.layers[$0].digest }.filter(isLeftOut))
            }
        }
    }

    /// Whether the archive has a layer that no image is taken with; our own hold nothing else of the kind.
    private func isLeftOut(_ layer: Digest) -> Bool {
        reading.contents.document == nil && stage.ledger.passed(layer) != nil && !stage.ledger.has(.published, layer)
    }

    /// Lists referrers in the repository that the archive names, or in those of the images that they belong to, each after
    /// what it refers to.
    private func listReferrers(_ images: [ImportExamination.Examined]) async throws {
        var homes = try homes(images)
        var listings: [ReferrerLists.Listing] = []
        for image in images where image.number == nil {
            guard let subject = image.subject?.digest else { continue }
            let locations = image.repository.map { [$0] } ?? homes[subject] ?? []
            listings += locations.sorted().map { .init(image.descriptor.digest, of: subject, in: $0) }
            // What refers to it, or to a manifest in it, is at home there as well.
            for member in try examination.members(of: image) where member.mediaType.isManifest {
                homes[member.digest, default: []].formUnion(locations)
            }
        }
        try await cache.referrers.add(listings)
    }

    /// In which repositories that is named which something refers to that has no repository of its own.
    private func homes(_ images: [ImportExamination.Examined]) throws -> [Digest: Set<RepositoryReference>] {
        let homeless = images.lazy.filter { $0.number == nil && $0.repository == nil }
        let subjects = Set(homeless.compactMap(\.subject?.digest))
        var homes: [Digest: Set<RepositoryReference>] = [:]
        guard !subjects.isEmpty else { return homes }
        var wanted: [UInt32: [Digest]] = [:]
        for image in images {
            let found = try examination.members(of: image).map(\.digest).filter(subjects.contains)
            guard !found.isEmpty else { continue }
            if let number = image.number { wanted[number] = found }
            for digest in found { if let location = image.repository { homes[digest, default: []].insert(location) } }
        }
        for position in names.indices {
            guard let digests = wanted[names.number(at: position)],
                let location = (try? ImageReference(names.text(at: position)))?.location
            else { continue }
            for digest in digests { homes[digest, default: []].insert(location) }
        }
        return homes
    }

    private func commit(_ files: [StagedFile], as manifests: [Digest: Manifest] = [:]) async throws {
        try await cache.staging.commit(files, as: manifests)
        stage.forget(files)
        report.blobs += files.count
        report.bytes += files.reduce(0) { $0 + $1.size }
    }

    private func manifest(_ descriptor: Descriptor) throws -> Manifest {
        guard let manifest = try examination.manifest(descriptor) else {
            throw ArchiveRefusal("\(descriptor.digest) was removed from the cache meanwhile; import again")
        }
        return manifest
    }

    /// Manifests such that each comes after those that it refers to; in memory only what they refer to of one another.
    private func levels(_ descriptors: [Digest: Descriptor]) throws -> [[Descriptor]] {
        var waiting = try descriptors.values.sorted { $0.digest < $1.digest }.map { descriptor in
            (descriptor, children: try manifest(descriptor).references.map(\.digest).filter { descriptors[$0] != nil })
        }
        var levels: [[Descriptor]] = []
        while !waiting.isEmpty {
            let digests = Set(waiting.map(\.0.digest))
            let ready = waiting.filter { $0.children.allSatisfy { !digests.contains($0) } }
            guard !ready.isEmpty else { throw ArchiveRefusal("its indexes refer to one another in a circle") }
            let done = Set(ready.map(\.0.digest))
            waiting.removeAll { done.contains($0.0.digest) }
            levels.append(ready.map(\.0))
        }
        return levels
    }

    /// How many names are recorded in a transaction; some 0.05 s.
    private static let taggedAtOnce = 64

    /// What some names are to stand for, by their numbers.
    private func byNumber(_ images: [ImportExamination.Examined]) -> [UInt32: Int] {
        var positions: [UInt32: Int] = [:]
        for (position, image) in images.enumerated() { if let number = image.number { positions[number] = position } }
        return positions
    }

    private func tag(_ images: [ImportExamination.Examined]) async throws {
        let positions = byNumber(images)
        var waiting: [(reference: ImageReference, image: ImportExamination.Examined)] = []
        for position in names.indices {
            guard let image = positions[names.number(at: position)] else { continue }
            waiting.append((try reference(at: position), images[image]))
            guard waiting.count >= Self.taggedAtOnce else { continue }
            try await tag(waiting)
            waiting = []
        }
        if !waiting.isEmpty { try await tag(waiting) }
    }

    private func reference(at position: Int) throws(ArchiveRefusal) -> ImageReference {
        do throws(ReferenceError) {
            return try ImageReference(names.text(at: position))
        } catch {
            throw ArchiveRefusal("its name '\(names.text(at: position).displaySafe)' cannot be used: \(error.reason)")
        }
    }

    private func tag(_ names: [(reference: ImageReference, image: ImportExamination.Examined)]) async throws {
        let tagged = names.compactMap { reference, image in reference.tag.map { (reference, $0, image) } }
        let earlier = try await cache.names.record(
            tagged.map { reference, tag, image in
                Names.Assignment(location: reference.location, tag: tag, descriptor: image.descriptor)
            }
        )
        for ((reference, _, image), earlier) in zip(tagged, earlier) {
            let outcome: ImportReport.Outcome =
                switch earlier {
                case nil: .added
                case image.descriptor.digest: .unchanged
                case let digest?: .moved(from: digest)
                }
            report.images.append(
                .init(
                    reference: reference,
                    descriptor: image.descriptor,
                    outcome: outcome,
                    narrowing: image.narrowing
                )
            )
        }
    }

    /// Publishes what is whole of a volume's images, and keeps what the volume has brought until the others are.
    ///
    /// - Returns: whether anything of its set is awaited.
    func publish(_ images: [ImportExamination.Examined], of volume: ArchiveDocument.Volume) async throws -> Bool {
        let whole = images.filter(\.missing.isEmpty)
        try await publish(whole)
        let waiting = images.filter { !$0.missing.isEmpty }
        if !waiting.isEmpty { try await keep(volume, waiting) }
        if waiting.isEmpty, reading.options.only.isEmpty {
            try await cache.staging.release(importSet: volume.set)
            return false
        }
        // What others have chosen of the set may be awaited still.
        let tops = whole.map(\.descriptor.digest)
        return try await cache.staging.settle(tops, without: examination.unchosen, of: volume.set)
    }

    private func keep(_ volume: ArchiveDocument.Volume, _ waiting: [ImportExamination.Examined]) async throws {
        guard let document = reading.contents.document else { return }
        try await stage.ledger.forEachStaged([], atMost: Self.committedAtOnce) { try await commit($0) }
        let kept = KeptDigests(lists: [document.blobs, document.omitted.blobs, BlobList(document.parts.map(\.blob))])
        let present = try await cache.staging.keep(
            kept,
            of: volume.set,
            volume: volume.number,
            awaiting: waiting.map(\.descriptor.digest)
        )
        let missing = (1...volume.count).filter { !present.contains($0) }
        guard !missing.isEmpty else {
            try await cache.staging.restart(importSet: volume.set)
            throw lost(waiting)
        }
        report.volumes = .init(set: volume.set, missing: missing, count: volume.count)
        let positions = byNumber(waiting)
        for position in names.indices {
            guard let image = positions[names.number(at: position)] else { continue }
            let descriptor = waiting[image].descriptor
            report.images.append(
                .init(reference: try reference(at: position), descriptor: descriptor, outcome: .waiting, narrowing: nil)
            )
        }
    }

    private func lost(_ waiting: [ImportExamination.Examined]) -> ArchiveRefusal {
        let digest = waiting.first?.missing.first?.digest
        return ArchiveRefusal(
            "all volumes of its set have been imported, but \(digest?.description ?? "a blob") is not here; import all "
                + "of them again"
        )
    }
}

/// The digests of all that a volume is about, one after the other.
private struct KeptDigests: Sequence, Sendable {
    let lists: [BlobList]

    func makeIterator() -> some IteratorProtocol<Digest> { lists.lazy.joined().lazy.map(\.digest).makeIterator() }
}
