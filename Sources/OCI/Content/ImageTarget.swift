/// Where images are mirrored to.
///
/// Planning and copying know targets by this alone.
package protocol ImageTarget: ContentSink, TagListing {
    /// The repository that the configuration names.
    var location: RepositoryReference { get }

    /// The beginning of the list of tags, at the price of one page; `nil` when the repository is not known.
    func firstTags() async throws -> FirstTags?

    /// What a reference stands for at the moment; `nil` when there is no such manifest.
    func resolve(_ reference: Reference) async throws -> Descriptor?

    /// The same of what ``resolve(_:)`` does not know and no list tells of; costs nothing where ``resolve(_:)`` has shown to
    /// be right.
    func resolveByReading(_ reference: Reference) async throws -> Descriptor?

    /// The manifest that a reference stands for; `nil` when there is none.
    func manifest(_ reference: Reference) async throws -> Manifest?

    /// What refers to a manifest, as the target's own interface lists it; `nil` when it has none.
    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?>

    /// Stores a blob, by taking it over from another repository of the same registry where one is named.
    func store(_ blob: any BlobReader, mountFrom source: RepositoryName?) async throws -> StoreOutcome

    /// Asks a question whose refusal is no failure: `try await target.asking { try await $0.tags() }`.
    ///
    /// - Throws: what is no refusal, such as that there is no connection.
    func asking<Answer: Sendable>(
        _ question: (any ImageTarget) async throws -> Answer
    ) async throws -> Knowledge<Answer>
}

/// What asking a registry came to where its refusal is an answer too.
///
/// Push-only credentials, and registries that hide what they hold, refuse questions about a target that can be pushed
/// to all the same: then nothing is known, and copying is right.
package enum Knowledge<Answer: Sendable>: Sendable {
    case known(Answer)
    /// The question was refused, and why; for a message, not a failure.
    case unknown(any Error)
}
