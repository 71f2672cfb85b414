package import Cache
import NIOCore
import OCI

/// Decides what archives of one cache's images are made of.
package struct ArchivePlanner: Sendable {
    private let cache: ContentCache

    package init(_ cache: ContentCache) {
        self.cache = cache
    }

    /// Decides what an archive of some images is made of, and holds all of it against collection.
    ///
    /// Reads manifests only, and the blobs that have to be cut. The same contents give the same plan.
    ///
    /// - Returns: the plan; its volumes fit in ``ArchiveContents/volumeSize``, a signature included.
    /// - Throws: ``CacheError`` (`missing`, naming everything that the cache lacks; `corrupt`), `DocumentError` when the
    ///   volumes are too small for what each has to say, or there are too many; ``DockerArchiveError``.
    package func plan(_ contents: ArchiveContents) async throws -> ArchivePlan {
        var contents = contents
        contents.images = contents.images.sorted()
        contents.referrers.sort { $0.descriptor.digest < $1.descriptor.digest }
        let (table, count) = try await needs(of: contents)
        if contents.isDockerOnly { return try await dockerPlan(contents) }
        let lists = try lists(for: contents)
        let made = lists.map(\.blob).filter { table.position(of: $0.digest) == nil }
        var needed = (consume table).taken()
        // Only volumes are filled in the order of the images; sorted here, what the archive says needs no other list.
        if contents.volumeSize == nil { needed.sort() }
        var (blobs, omitted) = Self.share(consume needed, made, contents.receipts)
        if contents.volumeSize == nil { blobs.sort() }
        let draft = ArchiveDraft(
            contents: contents,
            referrers: contents.referrers.sorted(),
            count: count,
            blobs: blobs,
            omitted: omitted,
            lists: lists
        )
        let shares = try draft.shares()
        let isAlone = shares.count == 1 && omitted.isEmpty
        let parts = try await parts(of: shares.flatMap(\.cuts))
        let volumes = try await draft.volumes(shares, parts: parts, in: cache) { document in
            guard isAlone else { return nil }
            let docker = try await self.docker(document.images, of: document.blobs, contents)
            return docker.isEmpty || !docker.isReadable ? nil : docker
        }
        return ArchivePlan(volumes: volumes, blobs: isAlone ? volumes[0].document.blobs : blobs, omitted: omitted)
    }

    private func lists(for contents: ArchiveContents) throws -> [ReferrerList] {
        let lists = try ReferrerList.lists(of: contents.referrers, in: cache).filter {
            // None is so large that it would have to be cut.
            contents.volumeSize == nil || $0.descriptor.size <= ArchivePacking.minimumPart / 2
        }
        let names = Set(lists.map(\.name))
        let taken = names.isEmpty ? [] : names.intersection(contents.images.names.texts)
        return taken.isEmpty ? lists : lists.filter { !taken.contains($0.name) }
    }

    /// - Returns: what of some images `docker load` can take.
    private func docker(
        _ images: ImageList,
        of blobs: BlobList,
        _ contents: ArchiveContents
    ) async throws -> DockerManifest {
        var docker = DockerManifest(of: images, blobs)
        let selection = DockerSelection(cache: cache, platforms: contents.platforms)
        try await selection.forEach(in: images) { position, outcome in
            guard case .image(let image) = outcome,
                contents.attachments.isEmpty || !contents.attachments.contains(images.text(at: position))
            else { return }
            docker.add(image, namedAt: position)
        }
        return docker
    }

    /// What is already held, as `docker save` has it.
    ///
    /// - Throws: also ``DockerArchiveError``: what was asked for is all there, or nothing is.
    private func dockerPlan(_ contents: ArchiveContents) async throws -> ArchivePlan {
        var table = BlobTable()
        var images = ImageList()
        var unsuitable: [(image: ImageReference, reason: String)] = []
        let selection = DockerSelection(cache: cache, platforms: contents.platforms)
        try await selection.forEach(in: contents.images) { position, outcome in
            switch outcome {
            case .image(let image):
                for blob in [image.config] + image.layers { table.insert(.init(digest: blob.digest, size: blob.size)) }
                images.append(contents.images[position].reference, contents.images[position].descriptor)
            case .unsuitable where contents.dispensable.contains(contents.images.text(at: position)): break
            case .unsuitable(let reason): unsuitable.append((contents.images[position].reference, reason))
            }
        }
        guard unsuitable.isEmpty else { throw DockerArchiveError(images: unsuitable) }
        guard !images.isEmpty else {
            throw DocumentError(
                .unsupported,
                "docker can load nothing of what is meant, which is signatures and the like"
            )
        }
        let document = try ArchiveDocument(images: images, blobs: table.taken())
        let docker = try await docker(document.images, of: document.blobs, contents).checked()
        return ArchivePlan(
            volumes: [ArchiveVolume(document: document, .init(docker: docker))],
            blobs: document.blobs,
            omitted: []
        )
    }

    /// What images and referrers need, complete and held, in the order in which they need it.
    ///
    /// - Returns: each blob once, and how often all of them are needed.
    private func needs(of contents: ArchiveContents) async throws -> (table: BlobTable, count: Int) {
        var (table, count) = (BlobTable(), 0)
        var missing: [Digest] = []
        var waiting: [Descriptor] = []
        for top in contents.tops {
            let closure = try await ArchiveClosure(of: top, in: cache)
            missing += closure.missing.map(\.digest)
            count += closure.descriptors.count
            for descriptor in closure.descriptors where try Self.add(descriptor, to: &table) {
                waiting.append(descriptor)
            }
            if waiting.count >= Self.heldAtOnce { try await hold(&waiting, &missing) }
        }
        try await hold(&waiting, &missing)
        guard missing.isEmpty else { throw CacheError.incomplete(missing) }
        return (table, count)
    }

    /// How many descriptors are gathered before they are held.
    private static let heldAtOnce = 4000

    private func hold(_ descriptors: inout [Descriptor], _ missing: inout [Digest]) async throws {
        let present = try await cache.hold(descriptors)
        missing += descriptors.map(\.digest).filter { !present.contains($0) }
        descriptors = []
    }

    /// - Returns: whether it is new.
    private static func add(_ descriptor: Descriptor, to table: inout BlobTable) throws(DocumentError) -> Bool {
        let (position, isNew) = table.insert(.init(digest: descriptor.digest, size: descriptor.size))
        let size = table.list.size(at: position)
        guard size == descriptor.size else {
            throw DocumentError(
                .confusion,
                "two manifests give \(descriptor.digest) different sizes, \(size) and \(descriptor.size)"
            )
        }
        return isNew
    }

    /// Which blobs are written, those made for the archive at their end, and which ones the receipts spare.
    private static func share(
        _ needed: consuming BlobList,
        _ made: [ArchiveDocument.Blob],
        _ receipts: [Receipt]
    ) -> (written: BlobList, omitted: OmissionList) {
        let receipts = receipts.map { (digest: $0.digest, blobs: $0.blobs) }.sorted { $0.digest < $1.digest }
        guard !receipts.isEmpty || !made.isEmpty else { return (needed, []) }
        var (written, omitted) = (BlobList(), OmissionList())
        for blob in needed {
            if let receipt = receipts.first(where: { $0.blobs.contains(blob) }) {
                omitted.append(.init(blob: blob, receipt: receipt.digest))
            } else {
                written.append(blob)
            }
        }
        for blob in Set(made).sorted(by: { $0.digest < $1.digest }) { written.append(blob) }
        return (written, omitted)
    }

    /// Hashes the blobs that are cut, and each of their parts.
    @concurrent
    private func parts(of cuts: [ArchivePacking.Cut]) async throws -> [ArchivePacking.Cut: ArchiveDocument.Part] {
        var parts: [ArchivePacking.Cut: ArchiveDocument.Part] = [:]
        for (blob, cuts) in Dictionary(grouping: cuts, by: \.blob) {
            guard let file = try cache.blobFile(blob.digest), file.size == blob.size else {
                throw CacheError.incomplete([blob.digest])
            }
            var whole = DigestHasher(blob.digest.algorithm)
            for cut in cuts.sorted(by: { $0.offset < $1.offset }) {
                let digest = try hash(cut, of: file, into: &whole)
                parts[cut] = ArchiveDocument.Part(
                    blob: blob,
                    index: cut.index,
                    offset: cut.offset,
                    length: cut.length,
                    digest: digest
                )
            }
            guard whole.finalize() == blob.digest else {
                await cache.quarantine(file)
                throw CacheError.damaged(blob.digest, in: cache)
            }
        }
        return parts
    }

    private func hash(
        _ cut: ArchivePacking.Cut,
        of file: BlobFile,
        into whole: inout DigestHasher
    ) throws -> Digest {
        var hasher = DigestHasher(.sha256)
        var done: Int64 = 0
        while done < cut.length {
            try Task.checkCancellation()
            let piece = try file.read(at: cut.offset + done, atMost: Int(min(1 << 20, cut.length - done)))
            guard piece.readableBytes > 0 else { throw CacheError.damaged(cut.blob.digest, in: cache) }
            hasher.update(piece)
            whole.update(piece)
            done += Int64(piece.readableBytes)
        }
        return hasher.finalize()
    }
}

extension ArchiveContents {
    /// What is exported, each digest once: images in the order of their names, and then referrers.
    fileprivate var tops: some Sequence<Descriptor> {
        var seen = BlobTable()
        var tops: [Descriptor] = []
        for list in [AnySequence(images.tops), AnySequence(referrers.lazy.map(\.descriptor))] {
            for top in list where seen.insert(.init(digest: top.digest, size: top.size)).isNew { tops.append(top) }
        }
        return tops
    }
}
