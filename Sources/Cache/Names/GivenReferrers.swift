package import OCI

/// What targets were given of what refers to images.
///
/// A repository may be a target and a source: what it lists is another question (``ReferrerLists``), as others may have
/// put something there.
package struct GivenReferrers: Sendable {
    let store: Store

    /// All that a target was given of what refers to a manifest, here or not: what it has mounted never came here.
    package func all(of subject: Digest, to target: RepositoryReference) async throws -> Set<Digest> {
        try await store.index.read { try $0.given.all(of: subject, to: target) }
    }

    /// What of it the cache holds.
    package func here(of subject: Digest, to target: RepositoryReference) async throws -> [Descriptor] {
        try await store.index.read { try $0.given.descriptors(of: subject, to: target) }
            .filter(store.blobs.contains)
    }

    /// What of it the cache had and has lost.
    package func lost(of subject: Digest, to target: RepositoryReference) async throws -> Set<Digest> {
        let recorded = try await store.index.read { db in
            try db.given.all(of: subject, to: target).filter { try db.blobs.state(of: $0) != nil }
        }
        return try recorded.filter { try store.directory.blobs.status(of: $0) == nil }
    }

    /// Notes what a target has been given, and what it is to list no more.
    ///
    /// Safe to repeat; costs no transaction when nothing changes, and nothing is noted where the cache cannot be written.
    package func note(
        _ referrers: Set<Digest>,
        of subject: Digest,
        to target: RepositoryReference,
        removing gone: Set<Digest>
    ) async throws {
        let known = try await all(of: subject, to: target)
        let (new, former) = (referrers.subtracting(known).subtracting([subject]), gone.intersection(known))
        guard !store.isReadOnly, !new.isEmpty || !former.isEmpty else { return }
        try await store.index.write { db in
            for digest in new { try db.given.add(digest, of: subject, to: target) }
            for digest in former { try db.given.remove(digest, of: subject, to: target) }
        }
    }
}
