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

    /// The largest receipt that is written and read, in bytes: some two and a half million blobs.
    package static let maximumSize = 256 << 20

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
        guard self.blobs.areUnique(by: \.digest), self.images.areUnique(by: \.reference) else {
            throw DocumentError(.structure, "the receipt: something stands twice")
        }
    }

    /// What an archive that relies on the receipt names it by: the digest of its bytes.
    package var digest: Digest { .of(encoded) }

    /// Its text: one thing a line, the same bytes for the same content.
    package var encoded: ByteBuffer {
        var text = ByteBuffer(string: "{\n\"version\":1,\n")
        text.writeList("blobs", blobs) { "{\(ArchiveJSON.members($0))}" }
        text.writeNext("images", images) {
            "{\"reference\":\(JSONText.quoted("\($0.reference)")),\"digest\":\"\($0.digest)\"}"
        }
        text.writeString("\n}\n")
        return text
    }

    /// Reads a receipt.
    ///
    /// - Throws: ``DocumentError``: `unsupported` for a later version, `tooLarge`, `syntax`, `structure`.
    package init(decoding bytes: ByteBuffer, limit: Int = maximumSize) throws(DocumentError) {
        var blobs: [ArchiveDocument.Blob] = []
        var images: [Image] = []
        let root = try ArchiveFields(
            bytes,
            name: "the receipt",
            limit: limit,
            version: 1,
            lists: ["blobs", "images"]
        ) { list, fields throws(DocumentError) in
            if list == "blobs" {
                try fields.allowOnly("digest", "size")
                blobs.append(try ArchiveDocument.Blob(fields))
            } else {
                try fields.allowOnly("reference", "digest")
                let reference = try fields.reference("reference")
                images.append(Image(reference: reference, digest: try fields.digest("digest")))
            }
        }
        try root.allowOnly("version", "blobs", "images")
        try root.require(lists: "blobs", "images")
        try self.init(blobs: blobs, images: images)
        guard encoded == bytes else {
            throw DocumentError(.structure, "the receipt: it is not written as imglife writes it; copy it unchanged")
        }
    }
}
