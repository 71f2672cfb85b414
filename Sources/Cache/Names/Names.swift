import GRDB
package import OCI

/// What the cache knows of tags, of other names, and of who refers to whom; asks nobody else.
///
/// Its methods throw ``CacheError``.
package struct Names: Sendable {
    let store: Store

    /// Points a tag at a manifest, last of all and in a transaction of its own; what it was before is kept as history.
    ///
    /// What the tag was given on demand before is older, and no longer counts.
    ///
    /// The manifest must have been stored, and all that it refers to: a tag promises the whole image. Safe to repeat;
    /// costs no transaction when nothing changes.
    ///
    /// - Parameters:
    ///   - tag: the tag.
    ///   - location: its repository.
    ///   - descriptor: the manifest.
    ///   - place: a target's tag that is given the same, noted together with it.
    /// - Throws: ``CacheError`` (`missing` when the manifest is not there).
    package func record(
        _ tag: TagName,
        of location: RepositoryReference,
        as descriptor: Descriptor,
        copiedTo place: Place? = nil
    ) async throws {
        let assignment = Assignment(location: location, tag: tag, descriptor: descriptor)
        _ = try await record([assignment], copying: place.map { ($0, descriptor.digest) })
    }

    /// Points a tag at a manifest as ``record(_:of:as:copiedTo:)`` does, unless it has come to stand for something else than
    /// it was seen to.
    ///
    /// - Parameters:
    ///   - assignment: the tag and the manifest.
    ///   - seen: what the tag was seen to stand for.
    ///   - copy: a target's tag, and what that is given.
    /// - Returns: whether it stands for the manifest.
    /// - Throws: as ``record(_:of:as:copiedTo:)``.
    package func record(
        _ assignment: Assignment,
        over seen: Digest?,
        copying copy: (place: Place, digest: Digest)?
    ) async throws -> Bool {
        let isAsSeen = { @Sendable (db: Database) in
            try db.names.digest(of: assignment.tag, in: assignment.location) == seen
        }
        return try await record([assignment], copying: copy, where: isAsSeen) != nil
    }

    /// A tag of a target.
    package struct Place: Hashable, Sendable {
        package let location: RepositoryReference
        package let tag: TagName

        package init(location: RepositoryReference, tag: TagName) {
            self.location = location
            self.tag = tag
        }
    }

    /// A tag and the manifest that it is to stand for.
    package struct Assignment: Sendable {
        package let location: RepositoryReference
        package let tag: TagName
        package let descriptor: Descriptor

        package init(location: RepositoryReference, tag: TagName, descriptor: Descriptor) {
            self.location = location
            self.tag = tag
            self.descriptor = descriptor
        }
    }

    /// Points tags at manifests, as ``record(_:of:as:)`` does one, together in a transaction.
    ///
    /// - Parameter assignments: none twice; not so many that others wait long for their turn.
    /// - Returns: what each tag stood for before.
    /// - Throws: ``CacheError`` (`missing` when a manifest is not there).
    package func record(_ assignments: [Assignment]) async throws -> [Digest?] {
        try await record(assignments, copying: nil) ?? []
    }

    /// - Returns: `nil` where the condition does not hold any more.
    private func record(
        _ assignments: [Assignment],
        copying copy: (place: Place, digest: Digest)?,
        where condition: @escaping @Sendable (Database) throws -> Bool = { _ in true }
    ) async throws -> [Digest?]? {
        try store.health.check()
        try await store.blobs.settleLooks()
        var seen: Set<Digest> = []
        for item in assignments where seen.insert(item.descriptor.digest).inserted {
            guard try store.blobs.contains(item.descriptor) else {
                throw CacheError(
                    .missing,
                    "record \(item.location):\(item.tag)",
                    digest: item.descriptor.digest,
                    "its manifest \(item.descriptor.digest) is not in the cache; store it first"
                )
            }
            try await store.blobs.adoptImage(item.descriptor)
        }
        let (known, changes, isCopyKnown) = try await store.index.read { db in
            let known = try assignments.map { try db.names.digest(of: $0.tag, in: $0.location) }
            let changes = try assignments.filter {
                try !db.names.stands(.tag($0.tag), of: $0.location, for: $0.descriptor.digest, isWhole: true)
            }
            return (known, changes, try copy.map { try db.copies.digest(at: $0.place) == $0.digest } ?? true)
        }
        guard !changes.isEmpty || !isCopyKnown else { return known }
        return try await store.index.write { [now = store.now] db in
            guard try condition(db) else { return nil }
            if let copy, !isCopyKnown { try db.copies.record(copy.digest, at: copy.place, beside: nil) }
            for item in changes {
                try db.names.record(item.tag, of: item.location, as: item.descriptor.digest, at: now)
            }
            return known
        }
    }

    /// Forgets a tag, as any name.
    package func remove(_ tag: TagName, of location: RepositoryReference) async throws -> Bool {
        try await remove(Reference.tag(tag), of: location)
    }

    /// Forgets a name, durably; what a tag was is kept as history, and the bytes until the next collection.
    ///
    /// `index.json` follows at the next ``ContentCache/writeLayout()``. Safe to repeat.
    ///
    /// - Returns: whether there was such a name.
    package func remove(_ name: Reference, of location: RepositoryReference) async throws -> Bool {
        try await store.index.write { [now = store.now] in
            try $0.names.remove(name, of: location, naming: nil, at: now)
        }
    }

    /// How many tags are noted as used in a transaction.
    private static let usedAtOnce = 512

    /// Notes that what tags name is used, so that it is not the first to make room; many in a transaction.
    ///
    /// What was used within the last hour is left as it is. Tags that the cache does not hold are not an error.
    package func noteUse(of references: some Sequence<ImageReference> & Sendable) async throws {
        let now = store.now
        var rest = references.makeIterator()
        while true {
            var some: [ImageReference] = []
            while some.count < Self.usedAtOnce, let next = rest.next() { some.append(next) }
            guard !some.isEmpty else { return }
            let stale = try await store.index.read { [some] in try $0.names.unused(some, since: now - 3600) }
            guard !stale.isEmpty else { continue }
            try await store.index.write { try $0.blobs.touch(stale, at: now) }
        }
    }

    /// Notes that blobs were used, so that they are not the first to make room; one transaction.
    ///
    /// For a server, which cannot afford one for each request; losing some is harmless.
    package func touch(_ digests: Set<Digest>) async throws {
        guard !digests.isEmpty else { return }
        try await store.blobs.settleLooks()
        try await store.index.write { [now = store.now] in try $0.blobs.touch(digests, at: now) }
    }

    /// The tags that the cache holds of a repository, sorted.
    package func tags(of location: RepositoryReference) async throws -> [(TagName, Descriptor)] {
        try await NameWalk(index: store.index).tags(of: location).map { ($0.tag, $0.descriptor) }
    }

    /// The repositories that the cache holds tags of or, with `isWhole` false, any images, whole or in parts; sorted.
    package func locations(isWhole: Bool = true) async throws -> [RepositoryReference] {
        try await NameWalk(index: store.index).locations(isWhole: isWhole)
    }

    /// What a tag or digest of a repository names in the cache.
    ///
    /// - Returns: `nil` when the cache does not know it.
    package func resolve(_ reference: Reference, in location: RepositoryReference) async throws -> Descriptor? {
        try await store.index.read { db in
            switch reference {
            case .tag(let tag):
                try db.names.digest(of: tag, in: location).flatMap(db.manifests.descriptor)
            case .digest(let digest):
                try db.manifests.descriptor(of: digest)
            }
        }
    }

    /// How far it is to be doubted that a tag is the single image that is told.
    ///
    /// What a tag has here may be chosen from an index: of an image of one that is here it says nothing.
    ///
    /// - Parameters:
    ///   - told: the image.
    ///   - tag: the tag.
    ///   - location: its repository.
    ///   - listed: what the tag is by a listing; else it counts what it is here, also where parts of that are missing.
    /// - Returns: `possible` where nothing tells.
    /// - Throws: ``CacheError``.
    package func doubt(
        _ told: Descriptor,
        of tag: TagName,
        in location: RepositoryReference,
        listedAs listed: Digest? = nil
    ) async throws -> TagDoubt {
        try await store.index.read { db in
            let known =
                try listed.flatMap(db.manifests.descriptor) ?? db.names.images(of: tag, in: location).first?.descriptor
            if known?.mediaType.isIndex == true { return .likely }
            return try known?.digest == told.digest && !db.manifests.isChild(told.digest) ? .unlikely : .possible
        }
    }

    /// What a tag stands for and stood for, the latest first; of earlier digests the last 64, for 400 days.
    ///
    /// - Returns: nothing for a tag that the cache never held.
    package func history(of tag: TagName, in location: RepositoryReference) async throws -> [TagPeriod] {
        try await store.index.read { try $0.history.periods(of: tag, in: location) }
    }
}
