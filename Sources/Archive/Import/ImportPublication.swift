import Cache
import OCI

/// Makes images visible: blobs, manifests, tags.
final class ImportPublication {
    private let reading: ImportReading
    private let stage: ImportStage
    private let cache: ContentCache
    private let examination: ImportExamination
    var report = ImportReport()

    init(_ reading: ImportReading, _ examination: ImportExamination) {
        self.reading = reading
        stage = reading.stage
        cache = reading.stage.cache
        self.examination = examination
    }

    /// Commits what images consist of, children first, and then points their names at them.
    func publish(_ images: [ImportExamination.Examined]) async throws {
        var manifests: [Digest: Descriptor] = [:]
        for image in images {
            for member in try examination.members(of: image)
            where stage.ledger.mark(.published, member.digest, size: member.size) {
                let isStaged = stage.ledger.has(.staged, member.digest)
                if !isStaged, examination.made[member.digest] == nil { report.presentBlobs += 1 }
                if member.mediaType.isManifest { manifests[member.digest] = member }
            }
        }
        // Not image by image: in the order of their digests neighbours share a page of the index.
        try await stage.ledger.forEachStaged(.published, atMost: Self.committedAtOnce) { files in
            try await commit(files.filter { manifests[$0.digest] == nil })
        }
        for level in try levels(manifests) { try await publish(level) }
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
            for manifest in manifests { try await cache.store(manifest, from: nil) }
        }
    }

    /// Lists referrers in the repository that the archive names, or in those of the images that they belong to, each after
    /// what it refers to.
    private func listReferrers(_ images: [ImportExamination.Examined]) async throws {
        let needsHomes = images.contains { $0.root.references.isEmpty && $0.root.repository == nil }
        var homes: [Digest: Set<RepositoryReference>] = [:]
        for image in images {
            var locations = Set(image.root.references.map(\.location))
            if locations.isEmpty, let subject = image.subject?.digest {
                locations = image.root.repository.map { [$0] } ?? homes[subject] ?? []
                for location in locations.sorted() {
                    try await cache.names.addReferrers(of: subject, in: location, [image.root.descriptor])
                }
            }
            guard needsHomes else { continue }
            for member in try examination.members(of: image) where member.mediaType.isManifest {
                homes[member.digest, default: []].formUnion(locations)
            }
        }
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

    private func tag(_ images: [ImportExamination.Examined]) async throws {
        var names: [(reference: ImageReference, image: ImportExamination.Examined)] = []
        for (position, image) in images.enumerated() {
            names += image.root.references.map { ($0, image) }
            let isLast = position == images.count - 1
            while names.count >= Self.taggedAtOnce || isLast && !names.isEmpty {
                try await tag(names.prefix(Self.taggedAtOnce))
                names.removeFirst(min(names.count, Self.taggedAtOnce))
            }
        }
    }

    private func tag(
        _ names: some Collection<(reference: ImageReference, image: ImportExamination.Examined)>
    ) async throws {
        let tagged = names.compactMap { reference, image in reference.tag.map { (reference, $0, image) } }
        let earlier = try await cache.names.record(
            tagged.map { reference, tag, image in
                Names.Assignment(location: reference.location, tag: tag, descriptor: image.root.descriptor)
            }
        )
        for ((reference, _, image), earlier) in zip(tagged, earlier) {
            let outcome: ImportReport.Outcome =
                switch earlier {
                case nil: .added
                case image.root.descriptor.digest: .unchanged
                case let digest?: .moved(from: digest)
                }
            report.images.append(
                .init(
                    reference: reference,
                    descriptor: image.root.descriptor,
                    outcome: outcome,
                    narrowing: image.narrowing
                )
            )
        }
    }

    /// Keeps what a volume has brought until the others have come.
    func keep(_ volume: ArchiveDocument.Volume, _ waiting: [ImportExamination.Examined]) async throws {
        guard let document = reading.contents.document, !waiting.isEmpty else {
            try await cache.staging.release(importSet: volume.set)
            return
        }
        try await stage.ledger.forEachStaged([], atMost: Self.committedAtOnce) { try await commit($0) }
        let kept = KeptDigests(lists: [document.blobs, document.omitted.blobs, BlobList(document.parts.map(\.blob))])
        let present = try await cache.staging.keep(kept, of: volume.set, volume: volume.number)
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
