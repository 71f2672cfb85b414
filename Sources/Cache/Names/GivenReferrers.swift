package import OCI

/// What targets were given of what refers to images, and by which sources.
///
/// A repository may be a target and a source: what it lists is another question (``ReferrerLists``), as others may have
/// put something there. A target may have several sources, of which each is known to go on giving something until it does
/// not list it any more.
package struct GivenReferrers: Sendable {
    let store: Store

    /// What a source gives to a target of what refers to a manifest.
    package struct Gift: Hashable, Sendable {
        package let subject: Digest
        package let source: RepositoryReference
        package let target: RepositoryReference

        package init(of subject: Digest, from source: RepositoryReference, to target: RepositoryReference) {
            (self.subject, self.source, self.target) = (subject, source, target)
        }
    }

    /// What a gift was, here or not: what the target has mounted never came here.
    package struct Content: Equatable, Sendable {
        /// What the source lists.
        package let listed: Set<Digest>
        /// What it has under tags of cosign's alone.
        package let tagged: Set<Digest>

        /// What it lists, and may have given.
        package var guessed: Set<Digest> = []
        /// What it was about to give.
        package var meant: Set<Digest> = []

        package var all: Set<Digest> { listed.union(tagged) }

        /// What a source that lists it no more takes away.
        package var withdrawable: Set<Digest> { listed.union(guessed) }

        /// Without what is known to be listed from what is tagged.
        package func besides(_ other: Content) -> Content {
            Content(listed: listed, tagged: tagged.subtracting(other.listed))
        }

        package init(listed: Set<Digest> = [], tagged: Set<Digest> = []) {
            (self.listed, self.tagged) = (listed, tagged.subtracting(listed))
        }
    }

    /// All that a target was given of what refers to a manifest, by whomever.
    package func all(of subject: Digest, to target: RepositoryReference) async throws -> Set<Digest> {
        try await store.index.read { try $0.given.all(of: subject, to: target) }
    }

    /// What one source has given.
    package func content(of gift: Gift) async throws -> Content {
        let states = try await store.index.read { try $0.given.states(gift) }
        let digests = { (state: GivenRows.State) in Set(states.filter { $0.value == state }.keys) }
        var content = Content(listed: digests(.listed), tagged: digests(.tagged))
        (content.guessed, content.meant) = (digests(.guessed), digests(.meant))
        return content
    }

    /// What other sources list and have given to the same target, or are about to.
    package func others(than gift: Gift) async throws -> Set<Digest> {
        try await store.index.read { try $0.given.others(gift) }
    }

    /// Notes what a source is about to give, so that no other takes it away meanwhile.
    ///
    /// Safe to repeat; costs no transaction when nothing is new, and nothing is noted where the cache cannot be written.
    package func announce(_ referrers: Set<Digest>, in gift: Gift) async throws {
        let states = try await store.index.read { try $0.given.states(gift) }
        try await set(referrers.filter { states[$0] == nil }.map { ($0, .meant) }, in: gift)
    }

    /// Notes what a source has given.
    ///
    /// Safe to repeat; costs no transaction when nothing changes, and nothing is noted where the cache cannot be written.
    package func note(_ content: Content, in gift: Gift) async throws {
        let states = try await store.index.read { try $0.given.states(gift) }
        let rows = content.listed.map { ($0, GivenRows.State.listed) } + content.tagged.map { ($0, .tagged) }
        try await set(rows.filter { states[$0] != $1 }, in: gift)
    }

    private func set(_ rows: [(Digest, GivenRows.State)], in gift: Gift) async throws {
        let rows = rows.filter { $0.0 != gift.subject }
        guard !store.isReadOnly, !rows.isEmpty else { return }
        try await store.index.write { db in
            for (digest, state) in rows { try db.given.set(digest, to: state, gift) }
        }
    }

    /// Forgets what a source gives no more; as ``note(_:in:)``.
    package func forget(_ referrers: Set<Digest>, in gift: Gift) async throws {
        let states = try await store.index.read { try $0.given.states(gift) }
        let gone = referrers.filter { states[$0] != nil }
        guard !store.isReadOnly, !gone.isEmpty else { return }
        try await store.index.write { db in
            for digest in gone { try db.given.remove(digest, gift) }
        }
    }
}
