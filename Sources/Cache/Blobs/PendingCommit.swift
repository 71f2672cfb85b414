import OCI

/// A file that is to become a blob with a row.
package struct PendingCommit: Sendable {
    /// Where its bytes are.
    enum Place: Sendable {
        /// Complete and verified in `ingest/`, and locked.
        case ingest(Ingest)
        /// Under `blobs/` already, and locked: its row was lost, or never written. In seconds since 1970; `nil` where it is
        /// used now.
        case blobs(usedAt: Int64?)
    }

    let descriptor: Descriptor
    let file: OpenFile
    let place: Place
    let manifest: Manifest?
    let origin: RepositoryReference?

    /// A complete and verified file of `ingest/`, locked by the caller.
    init(
        _ descriptor: Descriptor,
        _ ingest: Ingest,
        manifest: Manifest? = nil,
        origin: RepositoryReference? = nil
    ) {
        self.init(descriptor, ingest.file, .ingest(ingest), manifest, origin)
    }

    init(
        _ descriptor: Descriptor,
        _ file: OpenFile,
        _ place: Place,
        _ manifest: Manifest? = nil,
        _ origin: RepositoryReference? = nil
    ) {
        self.descriptor = descriptor
        self.file = file
        self.place = place
        self.manifest = manifest
        self.origin = origin
    }

    /// Whether it was met under `blobs/`, where nobody has looked at its bytes unless it is a manifest.
    var isAdopted: Bool { if case .blobs = place { true } else { false } }

    /// When what was met had been used last, as far as that can be told; `nil` for now.
    var usedAt: Int64? { if case .blobs(let usedAt) = place { usedAt } else { nil } }
}
