package import NIOCore

/// Where content can be read from: an upstream repository, or a cache.
///
/// Everything is named by descriptors; an implementation need not verify digests, its callers do.
package protocol ContentSource: Sendable {
    /// Whose content it is, for messages: `registry.example.com/mirrors/alpine`.
    var place: String { get }

    /// Where it can be fetched again; `nil` where it is no registry.
    var origin: RepositoryReference? { get }

    /// Whether it is known to want no requests for a time.
    var isHeldBack: Bool { get }

    /// The manifest or index with the descriptor's digest.
    ///
    /// - Returns: a document whose digest, size and media type have been checked against the descriptor.
    func manifest(_ descriptor: Descriptor) async throws -> Manifest

    /// Delivers a blob's bytes in order, from `offset` to its end.
    ///
    /// Interrupted transfers are continued inside, within the source's own retry rules; `deliver` never sees a byte
    /// twice and never more than `descriptor.size - offset` bytes. `offset` is 0 to the size, in bytes; at the blob's
    /// size nothing is asked of the source. Where there is scratch space, the blob may be asked for in several parts at
    /// once; what arrives ahead waits there. A source that has no use for it reads the blob in one piece. One that knows
    /// before the first byte that the blob comes delivers an empty piece then.
    ///
    /// - Throws: what `deliver` throws, as it is; otherwise the source's own error after its last try.
    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws

    /// Hears that what it delivered of a blob, or its rest, made the digest right.
    func wasRight(_ digest: Digest)
}

extension ContentSource {
    package var isHeldBack: Bool { false }

    package func wasRight(_ digest: Digest) {}

    /// The same, in one piece.
    package func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        try await readBlob(descriptor, from: offset, ahead: nil, deliver: deliver)
    }
}

/// One blob that can be read at any offset, perhaps while it is still arriving.
package protocol BlobReader: Sendable {
    var descriptor: Descriptor { get }

    /// The next bytes at an offset, waiting for them where they have not arrived yet.
    ///
    /// Safe to repeat with any offset, so an upload can start again from the beginning. The last bytes are held back
    /// until the whole blob has been verified and committed: who has read to the end has read the right bytes.
    ///
    /// - Returns: 1 to `count` bytes; none exactly at the blob's end.
    /// - Throws: what ended the download, if it failed; `CancellationError`.
    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer
}

/// What storing a blob came to.
///
/// None of these is an error.
package enum StoreOutcome: Hashable, Sendable {
    /// The sink held it already; no byte was sent.
    case alreadyThere
    /// The sink took it over from another of its repositories; no byte was sent.
    case mounted(from: RepositoryName)
    /// Its bytes were sent and accepted; the count includes what had to be sent again.
    case stored(bytes: Int64)
}

/// What storing a manifest came to.
///
/// None of these is an error.
package enum ManifestOutcome: Hashable, Sendable {
    /// The sink had it already under that name, and takes it no second time.
    case alreadyThere
    /// It was taken; whether the sink lists it among its subject's referrers itself, `nil` where that was not heard.
    case stored(isListed: Bool?)
}

/// Where content can be stored: a target repository, or a cache.
package protocol ContentSink: Sendable {
    /// Where it goes, for messages: `registry.example.com/mirrors/alpine`.
    var place: String { get }

    /// Whether the sink holds the blob.
    func contains(_ descriptor: Descriptor) async throws -> Bool

    /// Stores a blob without asking first whether it is there.
    ///
    /// - Throws: also what the reader throws, as it is. Safe to repeat after any failure.
    func store(_ blob: any BlobReader) async throws -> StoreOutcome

    /// Stores a manifest's exact bytes under its digest, and under a tag where one is given.
    ///
    /// Its children and blobs must be there. Safe to repeat.
    @discardableResult
    func store(_ manifest: Manifest, as tag: TagName?) async throws -> ManifestOutcome
}
