package import OCI

extension ContentCache {
    /// Protects blobs from collection until the cache's scope ends, and notes that they are used.
    ///
    /// Call it once for an image, before asking for its blobs: it is one transaction.
    ///
    /// - Returns: the digests of those that are there, whole and recorded.
    @discardableResult
    package func hold(_ descriptors: [Descriptor]) async throws -> Set<Digest> {
        guard !descriptors.isEmpty else { return [] }
        try health.check()
        guard !isReadOnly else { return Set(descriptors.filter(contains).map(\.digest)) }
        try lease.begin()
        let digests = Set(descriptors.map(\.digest)).sorted()
        let now = configuration.now()
        let lease = lease.id
        var states = try await index.write { try $0.leases.hold(digests, for: lease, at: now) }
        // A collection may be between saying so and removing the file, which must not be taken for there.
        let leaving = digests.filter { states[$0] == .deleting }
        if !leaving.isEmpty {
            for digest in leaving { try await awaitDeletion(digest) }
            let settled = try await index.write { try $0.leases.hold(leaving, for: lease, at: now) }
            for digest in leaving { states[digest] = settled[digest] }
        }
        let present = Set(descriptors.filter(contains).map(\.digest))
        let settled = states
        let lost = digests.filter { settled[$0] == .ok && !present.contains($0) }
        if !lost.isEmpty { try await index.write { try $0.blobs.markMissing(lost) } }
        return present.filter { settled[$0] == .ok }
    }
}
