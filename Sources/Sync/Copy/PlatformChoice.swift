import OCI

/// What is to be mirrored of a document when only some platforms are wanted.
///
/// The copy and the comparison of digests both ask here, so they agree on every byte.
struct PlatformChoice: Sendable {
    /// What takes the document's place.
    enum Top: Sendable {
        /// The document itself.
        case document(Manifest)
        /// One manifest of the index, or of an index in it, alone.
        case child(Descriptor)
        /// A new index over those that were asked for.
        case made(Manifest)
    }

    let top: Top
    /// Platforms that were asked for and are not there while others are.
    var missing: [PlatformPattern] = []
    /// The indexes within the document that had to be read.
    var nested: [Manifest] = []

    /// - Parameters:
    ///   - platforms: none takes the document as it is, and so does a document that is no index.
    ///   - document: what the tag points at.
    ///   - read: fetches an index that the document's index lists.
    /// - Throws: ``CopyError`` when no platform matches, saying which ones are there; `DocumentError`; what `read`
    ///   throws.
    init(
        of platforms: [PlatformPattern],
        from document: Manifest,
        reading read: (Descriptor) async throws -> Manifest
    ) async throws {
        guard !platforms.isEmpty, case .index(let index) = document.content else {
            top = .document(document)
            return
        }
        var flattening = IndexFlattening(platforms: platforms)
        let flat = try await flattening.flatten(document, index, reading: read)
        guard let result = try flat.selecting(platforms) else {
            let indexes = [document, flat].compactMap { if case .index(let index) = $0.content { index } else { nil } }
            let offered = Set(indexes.flatMap(\.platforms).map(\.description.displaySafe)).sorted()
            throw CopyError(.noPlatform(wanted: platforms, offered: offered))
        }
        missing = result.missing
        nested = flattening.documents
        switch result.selection {
        case .single(let descriptor): top = .child(descriptor)
        case .reduced(let reduced): top = .made(reduced)
        case .whole: top = flat.descriptor == document.descriptor ? .document(document) : .made(flat)
        }
    }
}

extension ImageIndex {
    fileprivate var platforms: [Platform] { entries.compactMap(\.platform) }
}
