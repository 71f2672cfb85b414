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
    ///   volumes are too small for what each has to say, or there are too many.
    package func plan(_ contents: ArchiveContents) async throws -> ArchivePlan {
        var contents = contents
        contents.images.sort { "\($0.reference)" < "\($1.reference)" }
        contents.referrers.sort { $0.descriptor.digest < $1.descriptor.digest }
        let closures = try await closures(of: contents)
        if contents.isDockerOnly { return try await dockerPlan(contents) }
        let needed = try Self.blobs(of: closures)
        let omitted = Self.omissions(among: needed, contents.receipts)
        let spared = Set(omitted.map(\.blob.digest))
        // None is so large that it would have to be cut.
        let lists = try ReferrerList.lists(of: contents.referrers, in: cache).filter {
            contents.volumeSize == nil || $0.descriptor.size <= ArchivePacking.minimumPart / 2
        }
        let known = Set(needed.map(\.digest))
        let made = Dictionary(lists.map { ($0.descriptor.digest, $0.blob) }) { first, _ in first }
        let blobs =
            needed.filter { !spared.contains($0.digest) }
            + made.values.filter { !known.contains($0.digest) }.sorted { $0.digest < $1.digest }
        let draft = ArchiveDraft(
            contents: contents,
            closures: closures,
            blobs: blobs,
            omitted: omitted,
            lists: lists
        )
        let shares = try draft.shares()
        let docker =
            shares.count == 1 && omitted.isEmpty
            ? try await DockerManifest.reading(contents.images, platforms: contents.platforms, from: cache)?.text()
            : nil
        let parts = try await parts(of: shares.flatMap(\.cuts))
        return ArchivePlan(
            volumes: try draft.volumes(shares, parts: parts, dockerManifest: docker),
            blobs: blobs,
            omitted: omitted
        )
    }

    /// What is already held, as `docker save` has it.
    private func dockerPlan(_ contents: ArchiveContents) async throws -> ArchivePlan {
        let docker = try await DockerManifest.reading(contents.images, platforms: contents.platforms, from: cache)
        guard let docker, let text = try docker.text() else {
            throw DocumentError(.unsupported, "none of the images can be in an archive that is docker's alone")
        }
        let document = try ArchiveDocument(images: contents.images, blobs: docker.blobs)
        var volume = ArchiveVolume(document: document, index: [], dockerManifest: text, made: [:])
        volume.isDockerOnly = true
        return ArchivePlan(volumes: [volume], blobs: docker.blobs, omitted: [])
    }

    /// The closures of images and referrers, by their digests, complete and held.
    private func closures(of contents: ArchiveContents) async throws -> [(top: Digest, closure: ArchiveClosure)] {
        var closures: [(top: Digest, closure: ArchiveClosure)] = []
        var missing: [Digest] = []
        var seen: Set<Digest> = []
        let tops = contents.images.map(\.descriptor) + contents.referrers.map(\.descriptor)
        for top in tops where seen.insert(top.digest).inserted {
            let closure = try await ArchiveClosure(of: top, in: cache)
            closures.append((top.digest, closure))
            missing += closure.missing.map(\.digest)
        }
        let all = closures.flatMap(\.closure.descriptors)
        let present = try await cache.hold(all)
        missing += all.map(\.digest).filter { !present.contains($0) }
        guard missing.isEmpty else { throw CacheError.incomplete(missing) }
        return closures
    }

    /// What all of them need, in the order in which images need it.
    private static func blobs(
        of closures: [(top: Digest, closure: ArchiveClosure)]
    ) throws -> [ArchiveDocument.Blob] {
        var sizes: [Digest: Int64] = [:]
        var blobs: [ArchiveDocument.Blob] = []
        for descriptor in closures.flatMap(\.closure.descriptors) {
            if let size = sizes.updateValue(descriptor.size, forKey: descriptor.digest) {
                guard size == descriptor.size else {
                    throw DocumentError(
                        .confusion,
                        "two manifests give \(descriptor.digest) different sizes, \(size) and \(descriptor.size)"
                    )
                }
                continue
            }
            blobs.append(ArchiveDocument.Blob(digest: descriptor.digest, size: descriptor.size))
        }
        return blobs
    }

    private static func omissions(
        among blobs: [ArchiveDocument.Blob],
        _ receipts: [Receipt]
    ) -> [ArchiveDocument.Omission] {
        let receipts = receipts.map { (digest: $0.digest, blobs: Set($0.blobs)) }.sorted { $0.digest < $1.digest }
        return blobs.compactMap { blob in
            receipts.first { $0.blobs.contains(blob) }.map { .init(blob: blob, receipt: $0.digest) }
        }
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
                throw CacheError.damaged(blob.digest)
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
            guard piece.readableBytes > 0 else { throw CacheError.damaged(cut.blob.digest) }
            hasher.update(piece)
            whole.update(piece)
            done += Int64(piece.readableBytes)
        }
        return hasher.finalize()
    }
}
