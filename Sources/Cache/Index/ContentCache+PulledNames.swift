package import OCI

extension ContentCache {
    /// Names a manifest by what a client asked for, although parts of its image may be missing.
    ///
    /// What is there of the image is kept as if a tag named it. The name does not appear in `index.json` and is no tag
    /// before ``settlePulledNames()`` finds the image whole. The manifest must have been stored. A digest is worth
    /// recording where no other manifest refers to it; otherwise nothing would keep it.
    ///
    /// Safe to repeat; costs no transaction when nothing changes.
    package func recordPulled(
        _ reference: Reference,
        of location: RepositoryReference,
        as descriptor: Descriptor
    ) async throws {
        try await blocking { [index, now = configuration.now] in
            if case .digest(let digest) = reference, try index.isChild(digest) { return }
            try index.recordPulled(reference, of: location, as: descriptor.digest, at: now())
        }
    }

    /// What a tag names, also where parts of its image are missing.
    ///
    /// - Returns: `nil` when the cache does not know the tag; its manifest need not be whole, which ``manifest(_:)`` says.
    package func resolveAny(_ tag: TagName, in location: RepositoryReference) async throws -> Descriptor? {
        try await blocking { [index] in try index.anyDescriptor(of: tag, in: location) }
    }

    /// The tags that the cache knows of a repository, also those of images that are not all there; in no order.
    package func anyTags(of location: RepositoryReference) async throws -> [TagName] {
        try await blocking { [index] in try index.anyTags(of: location) }
    }

    /// The repositories that the cache holds images of, whole or in parts; sorted.
    package func anyLocations() async throws -> [RepositoryReference] {
        try await blocking { [index] in try index.anyLocations() }
    }

    /// The size that a repository's manifests give a blob, in bytes.
    ///
    /// - Returns: `nil` when none tells, or they contradict each other.
    package func size(of digest: Digest, in location: RepositoryReference) async throws -> Int64? {
        let sizes = try await blocking { [index] in try index.sizes(of: digest, in: location) }
        return sizes.count == 1 ? sizes[0] : nil
    }

    /// Notes that blobs were used, so that they are not the first to make room; one transaction.
    ///
    /// For a server, which cannot afford one for each request; losing some is harmless.
    package func touch(_ digests: Set<Digest>) async throws {
        guard !digests.isEmpty else { return }
        try await blocking { [index, now = configuration.now] in try index.touch(digests, at: now()) }
    }

    /// Makes ordinary tags of the tags whose images have come whole; `index.json` follows.
    ///
    /// - Returns: how many.
    @discardableResult
    package func settlePulledNames() async throws -> Int {
        let settled = try await blocking { [self] in
            try index.pulledNames().filter { name in
                guard case .tag = name.reference, let closure = try index.closure(of: name.digest) else { return false }
                return closure.allSatisfy(directory.hasBlob)
            }
        }
        for name in settled {
            guard case .tag(let tag) = name.reference else { continue }
            try await blocking { [index, now = configuration.now] in
                _ = try index.record(tag, of: name.location, as: name.digest, at: now())
                try index.recordPulled(name.reference, of: name.location, as: name.digest, at: now())
            }
        }
        if !settled.isEmpty { try await writeLayout() }
        return settled.count
    }
}
