/// One remote repository, as a server needs it that stands in front of it.
///
/// All operations are safe to repeat. They throw ``UpstreamError`` and `CancellationError`; that something is not there
/// is a return value.
package protocol Upstream: ContentSource {
    /// What a tag points at now, without fetching it where the registry allows that.
    ///
    /// OCI distribution-spec 1.1.1, end-3 with HEAD.
    ///
    /// - Parameters:
    ///   - tag: what is asked for.
    ///   - doubt: see ``ImageSource/resolve(_:doubting:)``.
    /// - Returns: `nil` when there is no such tag, or no such repository.
    /// - Throws: ``UpstreamError``; what `doubt` throws.
    func resolve(
        _ tag: TagName,
        doubting doubt: @Sendable (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest?

    /// The manifest that a reference stands for.
    ///
    /// OCI distribution-spec 1.1.1, end-3. The digest is computed from the bytes, and is the reference's if it has one.
    ///
    /// - Returns: `nil` when there is no such manifest.
    func manifest(_ reference: Reference) async throws -> Manifest?

    /// The size of a blob, in bytes, which also says that it is there.
    ///
    /// OCI distribution-spec 1.1.1, end-2 with HEAD.
    ///
    /// `named` is the size that a known manifest gives it, where one does; see ``ImageSource/blobSize(_:named:)``.
    ///
    /// - Returns: `nil` when there is no such blob.
    func size(ofBlob digest: Digest, named: Int64?) async throws -> Int64?

    /// All tags, in the registry's order.
    ///
    /// OCI distribution-spec 1.1.1, end-8a and end-8b.
    ///
    /// - Returns: `nil` when there is no such repository.
    func tags() async throws -> [TagName]?

    /// What refers to a manifest, in its order: the registry's own list, else the index under the tag that stands in for it.
    ///
    /// OCI distribution-spec 1.1.1, end-12a and "Referrers Tag Schema".
    ///
    /// - Parameters:
    ///   - digest: the manifest.
    ///   - known: what it was known to list; where it lists less by its interface, the index under the tag is looked at too.
    /// - Returns: an empty list also for a manifest that is not there; never one for a refusal, which is thrown.
    /// - Throws: ``UpstreamError``.
    func referrers(of digest: Digest, knowing known: [Digest]) async throws -> UpstreamReferrers

    /// The same repository at others alone, such as mirrors, for the time that the registry cannot be reached or is left alone.
    ///
    /// What they say of tags may be older. Where they have nothing they throw the error.
    ///
    /// - Returns: `nil` where there is nobody, or the error says something else than that.
    func standIn(after error: UpstreamError) -> (any Upstream)?

    /// Whether all who could be asked are left alone because they fail.
    var isLeftAlone: Bool { get }
}

/// What an upstream lists as referring to a manifest.
package struct UpstreamReferrers: Sendable {
    /// The list that it answers with.
    package let entries: [ReferrerEntry]
    /// What it lists besides, where that was looked for.
    package let others: [Descriptor]
    /// Whether it is known to list nothing else.
    package let isWhole: Bool

    package init(_ entries: [ReferrerEntry], others: [Descriptor] = [], isWhole: Bool = true) {
        self.entries = entries
        self.others = others
        self.isWhole = isWhole
    }
}

extension Upstream {
    package func standIn(after error: UpstreamError) -> (any Upstream)? { nil }
    package var isLeftAlone: Bool { false }
}

/// Why an upstream does not give what it was asked for.
package struct UpstreamError: Error, Sendable, CustomStringConvertible {
    /// What it means to somebody who stands behind the server.
    package enum Kind: Hashable, Sendable {
        /// It is not there, although a manifest names it.
        case notFound
        /// The upstream wants credentials, or others than those it was given, or they do not suffice.
        case denied
        /// It has had too many requests of us.
        case rateLimited
        /// It cannot be reached, or fails.
        case unavailable
        /// It gave no answer, or made no progress, in time.
        case timeout
        /// Its answer cannot be used.
        case unusable
    }

    package let kind: Kind
    /// How long it wants to be left alone, by whomever, where it says so.
    package let retryAfter: Duration?
    /// One line, safe to display, without secrets: whose registry, what failed.
    package let description: String
    /// The same for strangers: it names neither an account nor a file of this machine.
    package let told: String
    /// Whether there was no connection, so that nothing else can be had there either.
    package let isOutOfReach: Bool
    package let cause: (any Error)?
    /// Whether a store has failed to which the upstream leads with its blobs: it says nothing of the upstream itself.
    package var isElsewhere = false

    /// Whether it may be over when the same is tried again.
    package var isPassing: Bool { [.rateLimited, .unavailable, .timeout].contains(kind) }

    package init(
        _ kind: Kind,
        _ description: String,
        told: String? = nil,
        retryAfter: Duration? = nil,
        isOutOfReach: Bool = false,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.told = told ?? description
        self.retryAfter = retryAfter
        self.isOutOfReach = isOutOfReach
        self.description = description
        self.cause = cause
    }
}
