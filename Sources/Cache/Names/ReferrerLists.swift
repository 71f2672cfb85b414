import NIOCore
package import OCI

/// What refers to images: their signatures, attestations and the like, by the repository that lists it.
package struct ReferrerLists: Sendable {
    /// A manifest that a repository lists as referring to another.
    package struct Listing: Sendable {
        package let location: RepositoryReference
        package let subject: Digest
        package let referrer: Digest

        package init(_ referrer: Digest, of subject: Digest, in location: RepositoryReference) {
            self.location = location
            self.subject = subject
            self.referrer = referrer
        }
    }

    /// How many listings are written in a transaction.
    private static let writtenAtOnce = 256

    let store: Store

    /// What a repository lists as referring to a manifest, in its order, as far as the cache holds it.
    ///
    /// What another repository lists of the same manifest is not told.
    package func here(of subject: Digest, in location: RepositoryReference) async throws -> [Descriptor] {
        try await store.index.read { try $0.referrers.descriptors(of: subject, in: location) }
            .filter(store.blobs.contains)
    }

    /// The same whether or not the cache holds it.
    package func listed(of subject: Digest, in location: RepositoryReference) async throws -> [Digest] {
        try await store.index.read { try $0.referrers.listed(of: subject, in: location) }
    }

    /// Some of the manifests of which a repository lists that something refers to them, chosen by chance.
    package func subjects(in location: RepositoryReference, limit: Int) async throws -> [Digest] {
        try await store.index.read { try $0.referrers.subjects(in: location, limit: limit) }
    }

    /// Of what a repository lists as referring to a manifest, what the cache had and has lost.
    package func lost(of subject: Digest, in location: RepositoryReference) async throws -> [Digest] {
        let recorded = try await store.index.read { db in
            try db.referrers.listed(of: subject, in: location).filter { try db.blobs.state(of: $0) != nil }
        }
        return try recorded.filter { try store.directory.blobs.status(of: $0) == nil }
    }

    /// Notes all that a repository lists as referring to some manifests, in its order.
    ///
    /// What is listed and here is kept as long as its subject is here and the repository has a name; what is listed no
    /// more goes with the next collection. A list may name what is not here. Safe to repeat; costs no transaction when
    /// nothing changes, and nothing is noted where the cache cannot be written.
    package func set(
        _ lists: [(subject: Digest, referrers: [Descriptor])],
        in location: RepositoryReference
    ) async throws {
        let lists = lists.map { ReferrerRows.List($0.subject, $0.referrers.map(\.digest)) }
        guard !store.isReadOnly else { return }
        let changed = try await store.index.read { db in
            try lists.filter { try db.referrers.listed(of: $0.subject, in: location) != $0.referrers }
        }
        guard !changed.isEmpty else { return }
        try await store.index.write { db in
            for list in changed { try db.referrers.set(list, in: location) }
        }
    }

    /// Notes all that a repository lists as referring to a manifest; as ``set(_:in:)``.
    package func set(
        of subject: Digest,
        in location: RepositoryReference,
        to referrers: [Descriptor]
    ) async throws {
        try await set([(subject, referrers)], in: location)
    }

    /// Notes that a repository lists something as referring to a manifest, whatever else it lists.
    ///
    /// For what comes from elsewhere than the repository, an archive for example. Safe to repeat; costs no transaction
    /// when nothing changes, and nothing is noted where the cache cannot be written.
    package func add(
        of subject: Digest,
        in location: RepositoryReference,
        _ referrers: [Descriptor]
    ) async throws {
        try await add(referrers.map { Listing($0.digest, of: subject, in: location) })
    }

    /// Notes what repositories list, in this order, as ``add(of:in:_:)``; many in a transaction.
    package func add(_ listings: [Listing]) async throws {
        guard !store.isReadOnly else { return }
        for start in stride(from: 0, to: listings.count, by: Self.writtenAtOnce) {
            let some = listings[start..<min(start + Self.writtenAtOnce, listings.count)]
            let new = try await store.index.read { db in
                try some.filter { try !db.referrers.lists($0.referrer, of: $0.subject, in: $0.location) }
            }
            guard !new.isEmpty else { continue }
            try await store.index.write { db in
                for listing in new {
                    try db.referrers.add(ReferrerRows.List(listing.subject, [listing.referrer]), in: listing.location)
                }
            }
        }
    }

    /// Runs a body while nobody else who uses this cache changes what a target lists as referring to a manifest.
    ///
    /// Whoever has the lock may have to wait for its target: after the timeout for locks the body runs all the same.
    ///
    /// - Throws: ``CacheError``; what the body throws.
    package func exclusively<Result>(
        _ subject: Digest,
        at target: RepositoryReference,
        _ body: () async throws -> Result
    ) async throws -> Result {
        guard !store.isReadOnly else { return try await body() }
        let place = Digest.of(ByteBuffer(string: "\(target)@\(subject)")).hex.prefix(3)
        let lock: OpenFile?
        do {
            lock = try await store.locks.acquire("referrers-\(place)", .exclusive)
        } catch let error as CacheError where error.kind == .locked {
            lock = nil
        }
        defer { lock?.unlock() }
        return try await body()
    }

    /// Forgets what is listed, was given, or was not told, as referring to something where nothing is here of both.
    func forgetNeedless() async throws {
        for table in ReferrerRows.Table.allCases { try await forgetNeedless(in: table) }
        try await ReferrerAnswers(store: store).forgetNeedless()
    }

    private func forgetNeedless(in table: ReferrerRows.Table) async throws {
        let start = (last: ReferrerRows.Pair?.none, needless: [ReferrerRows.Pair]())
        let limit = Self.writtenAtOnce
        let needless = try await store.index.readPages(start) { state, db, page in
            while !page.isOver {
                let pairs = try db.referrers.pairs(in: table, after: state.last, limit: limit)
                state.needless += pairs.filter { !$0.isNeeded }.map(\.pair)
                guard pairs.count == limit, let last = pairs.last else { return true }
                state.last = last.pair
            }
            return false
        }.needless
        for start in stride(from: 0, to: needless.count, by: limit) {
            let some = needless[start..<min(start + limit, needless.count)]
            try await store.index.write { db in
                for pair in some { try db.referrers.remove(pair, from: table) }
            }
        }
    }
}
