import Archive
import Cache
import OCI

/// Names a tag in the cache where what is there of its image may be a part.
///
/// Entries and exports may take different platforms of one tag, which has one name: what that left out of them would be
/// garbage, and no archive would have it. So a tag stands for all that is there of the image as the source has it.
struct PartialImage {
    let tag: TagName
    let location: RepositoryReference
    let cache: ContentCache
    /// The target's tag that is given the part, where it is a target that brings it.
    var place: Names.Place?
    /// See ``CopyJob/others``.
    var others: @Sendable () -> [[PlatformPattern]] = { [] }

    /// Points the tag at a part, joined with what it stood for of the same image.
    ///
    /// - Parameters:
    ///   - part: what has come, all of which is in the cache.
    ///   - document: what the source has under the tag.
    /// - Throws: `CacheError`, `DocumentError`. Safe to repeat.
    func record(_ part: Descriptor, of document: Manifest) async throws {
        let copy = place.map { (place: $0, digest: part.digest) }
        while true {
            let present = try await cache.names.resolve(.tag(tag), in: location)
            let image = try await joined(part, with: present, of: document)
            let assignment = Names.Assignment(location: location, tag: tag, descriptor: image)
            // Another part may come at the same time.
            if try await cache.names.record(assignment, over: present?.digest, copying: copy) { return }
        }
    }

    /// What there is of the document with a part of it; stored.
    private func joined(_ part: Descriptor, with present: Descriptor?, of document: Manifest) async throws -> Descriptor
    {
        guard let present, present != part, part != document.descriptor, case .index(let index) = document.content
        else {
            return part
        }
        var flattening = IndexFlattening(platforms: [])
        let flat = try await flattening.flatten(document, index) { try cache.manifest($0) }
        guard case .index(let whole) = flat.content else { return part }
        let there = try await ArchiveClosure(of: present, in: cache).descriptors
        let held = Set(there.map(\.digest))
        let brought = try await digests(of: part)
        let abandoned = try await abandoned(in: whole).subtracting(brought)
        if brought.isSubset(of: held), abandoned.isDisjoint(with: held) { return present }
        try await cache.hold(there)
        let staying = held.subtracting(brought).subtracting(abandoned)
        var kept = brought
        for entry in whole.entries.map(\.descriptor) where staying.contains(entry.digest) {
            if try await ArchiveClosure(of: entry, in: cache).missing.isEmpty { kept.insert(entry.digest) }
        }
        guard kept.count > brought.count else { return part }
        let positions = whole.entries.indices.filter { kept.contains(whole.entries[$0].descriptor.digest) }
        let image = try flat.keeping(positions, of: whole)
        try await cache.hold([image.descriptor])
        try await cache.store(image, from: location)
        return image.descriptor
    }

    private func digests(of image: Descriptor) async throws -> Set<Digest> {
        Set(try await ArchiveClosure(of: image, in: cache).descriptors.map(\.digest))
    }

    /// The entries that the target was given before, but for what others want: it has another choice of the platforms now.
    private func abandoned(in index: ImageIndex) async throws -> Set<Digest> {
        guard let place, let former = try await cache.copies.last(to: place),
            let image = try await cache.names.resolve(.digest(former), in: location)
        else { return [] }
        let others = others()
        let given = try await digests(of: image)
        let entries = index.entries.filter { entry in
            given.contains(entry.descriptor.digest) && !others.contains { entry.isWanted(for: $0) }
        }
        return Set(entries.map(\.descriptor.digest))
    }
}

extension ImageIndex.Entry {
    /// Whether somebody wants it who wants these platforms, and everything where there are none.
    fileprivate func isWanted(for platforms: [PlatformPattern]) -> Bool {
        platforms.isEmpty || platform.map { platform in platforms.contains { $0.matches(platform) } } ?? false
    }
}
