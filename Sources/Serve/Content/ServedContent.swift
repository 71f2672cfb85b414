package import Cache
package import OCI

/// What the routes serve: the cache alone, or the cache with upstreams behind it.
///
/// Every method may be called by many tasks at once. What does not exist is `nil`; whoever cannot tell whether it
/// exists throws ``ServeError``, which never becomes a 404. A task that asks is cancelled when its client leaves.
package protocol ServedContent: Sendable {
    /// The manifest that a tag or digest of a repository names.
    ///
    /// - Returns: `nil` when there is none.
    func manifest(_ reference: Reference, of repository: RepositoryReference) async throws -> ServedManifest?

    /// Whether an image can be announced: all of it can be served, from here or from where it comes.
    ///
    /// Asked for a HEAD of its manifest, with which clients choose between this server and another.
    func canServe(
        _ manifest: Manifest,
        by reference: Reference,
        of repository: RepositoryReference
    ) async throws -> Bool

    /// A blob that is there and may be served to everybody, without waiting for anything but opening its file.
    ///
    /// Called on an event loop for each request of a blob, before ``blob(_:of:client:isNeeded:)``.
    ///
    /// - Returns: `nil` when only ``blob(_:of:client:isNeeded:)`` can tell.
    func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile?

    /// Which file ``blobAtHand(_:of:)`` would open at this moment.
    ///
    /// Called like it, where the bytes are known for as long as the file stays what it was.
    func fileAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> FileStatus.Version?

    /// A blob, perhaps while it arrives; only its size where none of its bytes are needed, so that nothing is downloaded.
    ///
    /// - Parameters:
    ///   - digest: its name.
    ///   - repository: where it was asked for.
    ///   - client: who asks, so that others get their turn too.
    ///   - isNeeded: whether any bytes are sent of a blob of that size.
    /// - Returns: `nil` when there is none.
    /// - Throws: ``ServeError``; `CancellationError`.
    func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        client: ServedClient,
        isNeeded: @Sendable (Int64) -> Bool
    ) async throws -> ServedBlob?

    /// The tags of a repository, sorted.
    ///
    /// - Returns: `nil` when there is no such repository.
    func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>?

    /// The repositories that are known, in any order.
    func repositories() async throws -> [RepositoryReference]

    /// What names a manifest as its subject, in the order in which it is listed; empty for a manifest nobody knows.
    ///
    /// - Parameters:
    ///   - digest: the manifest.
    ///   - repository: where it is.
    ///   - artifactType: the type of those that are asked for; `nil` for all.
    /// - Returns: the list.
    /// - Throws: ``ServeError``; `CancellationError`.
    func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        artifactType: String?
    ) async throws -> ServedList<ReferrerEntry>

    /// Puts a blob aside whose bytes turned out wrong.
    func quarantine(_ blob: BlobFile) async
}

/// A manifest as it is served.
package struct ServedManifest: Sendable {
    package let manifest: Manifest
    /// The whole value of a `Warning` header, such as `110 - "Response is Stale"` (RFC 7234, 5.5).
    package let warning: String?

    package init(_ manifest: Manifest, warning: String? = nil) {
        self.manifest = manifest
        self.warning = warning
    }
}

/// A list as it is served.
package struct ServedList<Element: Sendable>: Sendable {
    package let elements: [Element]
    /// The whole value of a `Warning` header, where the list may be older than it should be, or lack something.
    package let warning: String?

    package init(_ elements: [Element], warning: String? = nil) {
        self.elements = elements
        self.warning = warning
    }
}

extension [ReferrerEntry] {
    /// Those of one type; all for `nil`.
    func filtered(by artifactType: String?) -> [ReferrerEntry] {
        artifactType.map { type in filter { $0.artifactType == type } } ?? self
    }
}

/// A blob as it is served.
package enum ServedBlob: Sendable {
    /// It is in the cache.
    case stored(BlobFile)
    /// It still arrives, or did when it was asked for; it is read in order, perhaps from an offset on.
    case arriving(any BlobReader)
    /// It exists and has that many bytes, none of which are needed.
    case known(size: Int64)

    /// In bytes.
    package var size: Int64 {
        switch self {
        case .stored(let file): file.size
        case .arriving(let blob): blob.descriptor.size
        case .known(let size): size
        }
    }
}

/// Who asks, as far as turns and limits are concerned: an address of IPv4, or a network of IPv6.
package struct ServedClient: Hashable, Sendable {
    package static let unknown = ServedClient(key: "")

    let key: String
}
