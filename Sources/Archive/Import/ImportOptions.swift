package import OCI

/// What is taken from an archive, and under which conditions.
package struct ImportOptions: Sendable {
    /// Globs, one of which a reference must match to be applied; all are when there is none.
    package var only: [String] = []
    /// The repository for names that are a tag alone; its tag is for an image that has no name.
    package var name: ImageReference?
    /// When there are any, the archive must be signed with one of them.
    package var keys: [ArchiveVerificationKey] = []
    /// Told how many bytes of the archive have passed.
    package var onBytes: @Sendable (Int) -> Void = { _ in }

    package init() {}
}

extension ImportOptions {
    /// Checks that an archive is signed as they demand.
    ///
    /// - Parameter document: what it says of itself, if it does.
    /// - Throws: ``ArchiveRefusal``.
    func checkSignature(_ document: ArchiveDocument?) throws(ArchiveRefusal) {
        guard !keys.isEmpty else { return }
        guard let document, !document.signatures.isEmpty else {
            throw ArchiveRefusal("it is not signed, but --verify-key demands it")
        }
        guard keys.contains(where: { $0.verifies(document) }) else {
            throw ArchiveRefusal("it is not signed with the key that --verify-key names, or was changed afterwards")
        }
    }

    /// Which images they take of what is offered.
    func select(_ offer: ImportOffer, reading read: (Descriptor) throws -> Manifest?) throws -> ImportSelection {
        try ImportSelection(offer, only: only, as: name, reading: read)
    }
}
