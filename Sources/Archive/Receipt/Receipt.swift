package import NIOCore
package import OCI

/// What one side of an air gap holds, for the other to leave out.
package struct Receipt: Hashable, Sendable {
    /// A name and what it stands for.
    package struct Image: Hashable, Sendable {
        /// A repository with a tag and no digest.
        package let reference: ImageReference
        package let digest: Digest

        package init(reference: ImageReference, digest: Digest) {
            self.reference = reference
            self.digest = digest
        }
    }

    /// The largest receipt that is read, in bytes.
    package static let maximumSize = 64 << 20

    /// Sorted by digest.
    package let blobs: [ArchiveDocument.Blob]
    /// Sorted by reference; for people, nothing follows from them.
    package let images: [Image]

    /// Sorts and checks.
    ///
    /// - Throws: ``DocumentError`` (`structure`) when a blob or an image stands twice.
    package init(blobs: [ArchiveDocument.Blob], images: [Image]) throws(DocumentError) {
        self.blobs = blobs.sorted { $0.digest < $1.digest }
        self.images = images.sorted {
            $0.reference.description.utf8.lexicographicallyPrecedes($1.reference.description.utf8)
        }
        guard Set(blobs.map(\.digest)).count == blobs.count,
            Set(images.map(\.reference)).count == images.count
        else { throw DocumentError(.structure, "the receipt: something stands twice") }
    }

    /// What an archive that relies on the receipt names it by: the digest of its bytes.
    package var digest: Digest { .of(encoded) }

    /// Its text: one thing a line, the same bytes for the same content.
    package var encoded: ByteBuffer {
        let images = images.map {
            "{\"reference\":\(JSONText.quoted("\($0.reference)")),\"digest\":\"\($0.digest)\"}"
        }
        let blobs = blobs.map { "{\(ArchiveJSON.members($0))}" }
        return ByteBuffer(
            string: "{\n\"version\":1,\n" + ArchiveJSON.list("blobs", blobs) + ",\n"
                + ArchiveJSON.list("images", images) + "\n}\n"
        )
    }

    /// Reads a receipt.
    ///
    /// - Throws: ``DocumentError``: `unsupported` for a later version, `tooLarge`, `syntax`, `structure`.
    package init(decoding bytes: ByteBuffer) throws(DocumentError) {
        let root = try ArchiveFields(bytes, name: "the receipt", limit: Self.maximumSize)
        try root.checkVersion(1)
        try root.allowOnly("version", "blobs", "images")
        try self.init(
            blobs: try root.list("blobs") { fields throws(DocumentError) in
                try fields.allowOnly("digest", "size")
                return try ArchiveDocument.Blob(fields)
            },
            images: try root.list("images") { fields throws(DocumentError) in
                try fields.allowOnly("reference", "digest")
                return Image(reference: try fields.reference("reference"), digest: try fields.digest("digest"))
            }
        )
        guard encoded == bytes else {
            throw DocumentError(.structure, "the receipt: it is not written as imglife writes it; copy it unchanged")
        }
    }
}
