/// Where tags and their images are read from: a repository, a repository with mirrors before it, the cache.
///
/// Planning and copying know sources by this alone. That something is not there is a return value.
package protocol ImageSource: ContentSource, TagListing {
    /// The repository that the configuration names.
    var location: RepositoryReference { get }

    /// Whether it is the cache, so that nobody is asked.
    var isCache: Bool { get }

    /// The same without its mirrors, which may have what is gone there.
    var withoutMirrors: any ImageSource { get }

    /// What a reference stands for at the moment, without fetching it where that can be told.
    ///
    /// - Returns: `nil` when there is no such manifest.
    func resolve(_ reference: Reference) async throws -> Descriptor?

    /// The same, read where a registry tells by HEAD that a tag is a single image and is not believed.
    ///
    /// - Parameters:
    ///   - reference: what is asked for.
    ///   - doubt: says of such an image how far that is to be doubted; not asked of a registry that is known to be right.
    /// - Returns: `nil` when there is no such manifest.
    /// - Throws: what `doubt` throws.
    func resolve(
        _ reference: Reference,
        doubting doubt: (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest?

    /// The manifest that a reference stands for; `nil` when there is none.
    func manifest(_ reference: Reference) async throws -> Manifest?

    /// What refers to a manifest, as the source's own interface lists it.
    ///
    /// - Returns: `nil` when it has no such interface; nothing is known where it refuses to tell.
    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?>

    /// The size of a blob by its digest, in bytes; `nil` when there is none.
    ///
    /// It is the size by which it is `named` in a manifest where the source says no more than that it is there.
    func blobSize(_ digest: Digest, named: Int64?) async throws -> Int64?

    /// Whether a blob that came with wrong bytes may come right when it is read again from its beginning, because
    /// somebody else is asked then.
    func hasAlternative(for digest: Digest) -> Bool
}

extension ImageSource {
    package var isCache: Bool { false }

    package var withoutMirrors: any ImageSource { self }

    package func resolve(
        _ reference: Reference,
        doubting doubt: (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest? {
        try await resolve(reference).map { ToldManifest($0) }
    }

    package func hasAlternative(for digest: Digest) -> Bool { false }
}
