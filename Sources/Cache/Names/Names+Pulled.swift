package import OCI

// Names of images that a server brings in on demand, so that parts of them may be missing.

/// One image that a tag stands for.
package struct TagImage: Sendable {
    package let descriptor: Descriptor
    /// Whether all of it was here when it got the tag.
    package let wasWhole: Bool
}

extension Names {
    /// Names a manifest by what a client asked for, although parts of its image may be missing.
    ///
    /// What is there of the image is kept as if a tag named it. The name does not appear in `index.json` and is no tag
    /// before ``settlePulled()`` finds the image whole. The manifest must have been stored. A digest is not recorded
    /// while another manifest keeps it that has a name, or hangs on one.
    ///
    /// Safe to repeat; costs no transaction when nothing changes.
    package func recordPulled(
        _ reference: Reference,
        of location: RepositoryReference,
        as descriptor: Descriptor
    ) async throws {
        let digest = descriptor.digest
        let isKnown = try await store.index.read { db in
            if case .digest = reference {
                var search = KeeperSearch(.named)
                search.ignoreNames(of: digest)
                if try search.isKept(db, digest) { return true }
            }
            return try db.names.stands(reference, of: location, for: digest)
        }
        guard !isKnown else { return }
        try await store.index.write { [now = store.now] in
            try $0.names.recordPulled(reference, of: location, as: digest, at: now)
        }
    }

    /// Whether a name keeps a manifest, its own or another's.
    package func isKept(_ digest: Digest) async throws -> Bool {
        try await store.index.read { db in
            var search = KeeperSearch(.named)
            return try search.isKept(db, digest)
        }
    }

    /// What a tag names, the newest first: what was given on demand, which may lack parts, and the whole image that is held
    /// until the other is whole too.
    ///
    /// - Returns: nothing when the cache does not know the tag; a manifest need not be here any more, which
    ///   ``ContentCache/manifest(_:)`` says.
    package func images(of tag: TagName, in location: RepositoryReference) async throws -> [TagImage] {
        try await store.index.read { try $0.names.images(of: tag, in: location) }
    }

    /// What a tag names, also where parts of its image are missing: the newest of ``images(of:in:)``.
    package func resolveAny(_ tag: TagName, in location: RepositoryReference) async throws -> Descriptor? {
        try await images(of: tag, in: location).first?.descriptor
    }

    /// What the names of a repository stand for that were given on demand and are no tags yet.
    package func pulled(from location: RepositoryReference) async throws -> [Digest] {
        try await store.index.read { try $0.names.pulled(from: location) }
    }

    /// Forgets the name of a tag that a repository turned out not to have, or not for that image, which is not all here.
    ///
    /// What is whole stays. Safe to repeat; costs no transaction when nothing changes.
    ///
    /// - Parameters:
    ///   - reference: the name; one that is a digest stays, as it names nothing else.
    ///   - location: its repository.
    ///   - digest: what the repository turned out to have under it.
    /// - Throws: ``CacheError``.
    package func forgetPulled(
        _ reference: Reference,
        of location: RepositoryReference,
        unless digest: Digest? = nil
    ) async throws {
        guard !store.isReadOnly, case .tag(let tag) = reference else { return }
        let isOther = try await store.index.read { db in
            guard try db.names.isPulled(tag, of: location) else { return false }
            return try digest.map { try !db.names.isPulled(tag, of: location, to: $0) } ?? true
        }
        guard isOther else { return }
        try await store.index.write { try $0.names.forgetPulled(tag, of: location, unless: digest) }
    }

    /// The size that a repository's manifests give a blob, in bytes.
    ///
    /// - Returns: `nil` when none tells, or they contradict each other.
    package func size(of digest: Digest, in location: RepositoryReference) async throws -> Int64? {
        let sizes = try await store.index.read { try $0.manifests.sizes(of: digest, in: location) }
        return sizes.count == 1 ? sizes[0] : nil
    }

    /// Makes ordinary tags of the tags whose images have come whole; `index.json` follows.
    ///
    /// - Returns: how many.
    @discardableResult
    package func settlePulled() async throws -> Int {
        var settled = 0
        for name in try await NameWalk(index: store.index).pulled() {
            guard case .tag(let tag) = name.reference else { continue }
            try Task.checkCancellation()
            if let top = try await store.index.read({ try $0.manifests.descriptor(of: name.digest) }) {
                try await store.blobs.adoptImage(top)
            }
            guard
                let closure = try await store.index.read({ try $0.manifests.closure(of: name.digest) }),
                try closure.allSatisfy(store.blobs.contains)
            else { continue }
            settled += try await store.index.write { [now = store.now] db in
                // Something newer may have got the tag meanwhile.
                guard try db.names.isPulled(tag, of: name.location, to: name.digest) else { return 0 }
                try db.names.record(tag, of: name.location, as: name.digest, at: now)
                return 1
            }
        }
        if settled > 0 { try await ImageLayout(store: store).write() }
        return settled
    }
}
