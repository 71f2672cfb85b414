import Cache
import OCI

/// Decides what of an archive that has been read becomes visible, and has it made so.
final class ArchiveImport {
    private let reading: ImportReading
    private let stage: ImportStage
    private let cache: ContentCache

    init(_ reading: ImportReading) {
        self.reading = reading
        stage = reading.stage
        cache = reading.stage.cache
    }

    /// - Throws: ``ArchiveRefusal``; ``CacheError``; `CancellationError`.
    func run() async throws -> ImportReport {
        guard let set = reading.contents.document?.volume?.set else { return try await decide() }
        // Two volumes that come to their ends at once would each miss what the other has brought.
        return try await cache.staging.deciding(of: set) { try await decide() }
    }

    private func decide() async throws -> ImportReport {
        let offer = try await offer()
        let selection = try reading.options.select(offer) { [stage] descriptor in
            try stage.contains(descriptor) ? stage.manifest(descriptor) : nil
        }
        let joined = try await joinParts()
        let examination = ImportExamination(reading)
        var images = try await examination.images(of: selection)
        try await stage.settle()
        try await examination.hold(&images)
        try examination.checkOmitted(images)
        let publication = ImportPublication(reading, examination, selection.named)
        publication.report.skipped = selection.skipped
        publication.report.unusable = examination.unusable(of: selection)
        publication.report.replaced = selection.replaced
        publication.report.unnamed = examination.unnamed(of: offer)
        publication.report.foreign = offer.foreign
        publication.report.set = reading.contents.document?.volume?.set
        guard let volume = reading.contents.document?.volume else {
            for image in images { try examination.checkComplete(image, selection.named) }
            try await publication.publish(images)
            return publication.report
        }
        if try await publication.publish(images, of: volume) {
            reading.parts?.release()
        } else {
            reading.parts?.discard()
        }
        cache.staging.removeUnused(joined)
        return publication.report
    }

    private func offer() async throws -> ImportOffer {
        if let document = reading.contents.document { return ImportOffer(document) }
        let indexed = try reading.contents.index?.offered()
        // Beside images of an index a manifest.json that is no list may be anybody's.
        if let listing = reading.contents.docker, listing.isList || indexed?.isEmpty ?? true {
            defer { reading.contents.forgetDocker() }
            return try await merged(indexed ?? ImportOffer(), listing)
        }
        guard let indexed else {
            throw ArchiveRefusal("it is no image archive: it has neither an index.json nor a manifest.json")
        }
        return indexed
    }

    private func merged(_ indexed: ImportOffer, _ listing: DockerListing) async throws -> ImportOffer {
        let docker = DockerImages(
            file: { [reading] name in reading.contents.dockerFile(name) },
            contents: { [stage] file in try stage.contents(file.digest, limit: Manifest.maximumSize) },
            unpacked: UnpackedLayers(stage)
        )
        var merging = OfferMerging(indexed, keepsUnnamed: reading.options.name != nil) { [stage] descriptor in
            try stage.contains(descriptor) ? stage.manifest(descriptor) : nil
        }
        for position in 0..<(try listing.count()) {
            let item = try listing.item(at: position)
            let names = merging.new(try DockerImages.names(item))
            if merging.take(names, config: docker.config(item), layers: docker.layers(item)) { continue }
            // Of a name that the index has too it says what it means.
            if names.isEmpty, DockerImages.isNamed(item) { continue }
            let manifest = try await docker.manifest(item)
            try await stage.add(made: manifest)
            merging.add(names, manifest.descriptor)
        }
        return merging.offer
    }

    /// - Returns: names in `ingest/` of what is left of parts whose blobs are whole.
    private func joinParts() async throws -> [String] {
        guard let document = reading.contents.document, let parts = reading.parts else { return [] }
        var present: [Digest] = []
        var joined: [String] = []
        for blob in Set(document.parts.map(\.blob)).sorted(by: { $0.digest < $1.digest }) {
            if try await stage.isPresentNow(blob) {
                present.append(blob.digest)
                continue
            }
            guard let marks = try parts.marks(of: blob) else { continue }
            if stage.ledger.staged(blob.digest) == nil { stage.add(joined: try await parts.join(blob, marks)) }
            joined += marks
        }
        return try joined + parts.leftovers(of: present)
    }
}
