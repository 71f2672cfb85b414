import Archive
import Cache
import OCI
import Registry

extension ImageAssembly {
    /// Brings into the cache what refers to an image or to one of its manifests, and what refers to that.
    ///
    /// - Throws: as ``image(_:)``; safe to repeat.
    func fetchReferrers(of top: Descriptor, _ tag: TagName, from source: any ImageSource) async throws {
        var level = try await ArchiveClosure(of: top, in: cache).manifests.map(\.digest)
        var seen = Set(level)
        let tags = try await referrerTags.tags(of: source, beside: .tag(tag))
        let search = ReferrerSearch(source: source, cache: cache, tags: tags)
        for _ in 0..<ReferrerSearch.maximumDepth where !level.isEmpty {
            let found = try await search.referrers(of: level)
            level = []
            for referrer in found.flatMap(\.referrers) where seen.insert(referrer.manifest.descriptor.digest).inserted {
                guard seen.count <= ReferrerSearch.maximumCount else { throw CopyError(.tooManyReferrers) }
                _ = try await complete(referrer.manifest, [], from: source)
                if let tag = referrer.tag {
                    try await cache.names.record(tag, of: location, as: referrer.manifest.descriptor)
                }
                level.append(referrer.manifest.descriptor.digest)
            }
            try await cache.noteReferrers(found, in: location)
        }
    }

    /// Fetches what the cache has lost of what it knows to refer to an image, as far as the source still has it.
    func completeReferrers(of top: Descriptor, from source: any ImageSource) async throws {
        var level = try await ArchiveClosure(of: top, in: cache).manifests.map(\.digest)
        var seen = Set(level)
        while !level.isEmpty {
            var found: [Digest] = []
            for subject in level {
                for digest in try await knownReferrers(of: subject) where seen.insert(digest).inserted {
                    switch try await completeReferrer(digest, from: source) {
                    case true?: found.append(digest)
                    case false?: break
                    case nil: return
                    }
                }
            }
            level = found
        }
    }

    private func knownReferrers(of subject: Digest) async throws -> [Digest] {
        var known = try await cache.referrers.listed(of: subject, in: location)
        for tag in subject.cosignTags {
            if let digest = try await cache.names.resolve(.tag(tag), in: location)?.digest { known.append(digest) }
        }
        return known
    }

    /// - Returns: whether it is here, which is told where the archive lacks it; `nil` when the source cannot be asked.
    /// - Throws: what would fail for the others too: the cache's errors, and `CancellationError`.
    private func completeReferrer(_ digest: Digest, from source: any ImageSource) async throws -> Bool? {
        do {
            let here = try cache.manifest(digest)
            if let here, try cache.isWhole(here) { return true }
            let manifest = if let here { here } else { try await source.manifest(.digest(digest)) as Manifest? }
            guard let manifest else { return false }
            _ = try await complete(manifest, [], from: source)
            return true
        } catch is DocumentError {
            return false
        } catch let error as RegistryError where [.notFound, .digestMismatch, .tooLarge].contains(error.kind) {
            return false
        } catch let error as CacheError where error.kind == .digestMismatch {
            return false
        } catch let error where !(error is CacheError || error.isCancellation) {
            return nil
        }
    }
}
