import OCI
import Registry

/// Where tags and their images are read from: a repository, or a repository with mirrors before it.
protocol ImageSource: ContentSource {
    /// The repository that the configuration names.
    var location: RepositoryReference { get }

    /// Whether it is the cache, so that nobody is asked.
    var isCache: Bool { get }

    /// Why there is nothing behind a reference, or no such repository where that is `nil`.
    func absence(of reference: Reference?) -> CopyError

    /// All tags of the repository.
    func tags() async throws -> TagListing

    /// What a reference stands for at the moment; `nil` when there is no such manifest.
    func resolve(_ reference: Reference) async throws -> Descriptor?

    /// The manifest that a reference stands for; `nil` when there is none.
    func manifest(_ reference: Reference) async throws -> Manifest?

    /// What refers to a manifest, as the registry's own interface lists it; `nil` when it has none.
    func listedReferrers(of digest: Digest) async throws -> [ReferrerEntry]?

    /// The size of a blob by its digest alone; `nil` when there is none.
    func blobSize(_ digest: Digest) async throws -> Int64?

    /// Whether a blob that came with wrong bytes may come right when it is read again from its beginning, because
    /// somebody else is asked then.
    func hasAlternative(for digest: Digest) -> Bool
}

extension ImageSource {
    var isCache: Bool { false }

    /// What a reference stands for, by HEAD, and where that finds nothing or is refused by GET: some registries answer
    /// HEAD with 404 or 403 for what they give to GET.
    ///
    /// - Returns: `nil` when neither finds it.
    func find(_ reference: Reference) async throws -> Descriptor? {
        do {
            if let found = try await resolve(reference) { return found }
            if isCache { return nil }
        } catch let error as RegistryError where [401, 403, 405].contains(error.status) {}
        return try await manifest(reference)?.descriptor
    }

    func absence(of reference: Reference?) -> CopyError {
        CopyError(reference.map { .missingTag($0, location) } ?? .missingRepository(location))
    }
}

extension Repository: ImageSource {
    func hasAlternative(for digest: Digest) -> Bool { false }
}
