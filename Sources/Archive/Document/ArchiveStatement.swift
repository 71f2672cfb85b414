import NIOCore
package import OCI

/// What is signed of an archive: every field of its document but the signatures, one thing a line, in a fixed order.
///
/// ```
/// imglife archive 1
/// volume <number> <count> <set>
/// image <reference> <digest> <media type> <size>
/// referrer <repository> <digest> <media type> <size>
/// blob <digest> <size>
/// omitted <digest> <size> <receipt>
/// part <digest> <size> <index> <offset> <length> <digest of the part>
/// ```
/// None of the fields can hold a blank or a line feed, so different documents have different statements.
///
/// An Ed25519 signature needs its text whole, twice. So what is longer than ``maximumSignedSize`` is signed by its checksum:
///
/// ```
/// imglife archive 1 long
/// <checksum>
/// ```
package struct ArchiveStatement: ArchiveText {
    let document: ArchiveDocument

    package init(_ document: ArchiveDocument) {
        self.document = document
    }

    /// The digest of it, by which a damaged text is known where it is not signed.
    package var checksum: Digest { textDigest }

    /// The longest statement that is signed as it is, in bytes: some 45,000 blobs.
    private static let maximumSignedSize = 4 << 20

    /// The text that a signature is over: the statement, or a short one that stands for it.
    package var signed: [UInt8] {
        guard byteCount > Self.maximumSignedSize else { return Array(encoded.readableBytesView) }
        return Array("imglife archive 1 long\n\(document.checksum)\n".utf8)
    }

    package func write(to target: inout some TextTarget) {
        target.put("imglife archive 1\n")
        if let volume = document.volume { target.put("volume \(volume.number) \(volume.count) \(volume.set)\n") }
        writeShared(to: &target)
        Self.write(document.parts, to: &target)
    }

    fileprivate static func write(_ parts: [ArchiveDocument.Part], to target: inout some TextTarget) {
        for part in parts {
            let place = "\(part.index) \(part.offset) \(part.length)"
            target.put("part \(part.blob.digest) \(part.blob.size) \(place) \(part.digest)\n")
        }
    }

    fileprivate func writeShared(to target: inout some TextTarget) {
        let images = document.images
        for position in images.indices {
            target.put("image \(images.text(at: position)) \(Self.line(images.descriptor(at: position)))\n")
        }
        for referrer in document.referrers {
            target.put("referrer \(referrer.repository) \(Self.line(referrer.descriptor))\n")
        }
        for blob in document.blobs { target.put("blob \(blob.digest) \(blob.size)\n") }
        for omission in document.omitted {
            target.put("omitted \(omission.blob.digest) \(omission.blob.size) \(omission.receipt)\n")
        }
    }

    private static func line(_ descriptor: Descriptor) -> String {
        "\(descriptor.digest) \(descriptor.mediaType) \(descriptor.size)"
    }
}

extension ArchiveStatement {
    /// What names a set of volumes: a digest over all that its volumes hold together, and how it is shared out.
    ///
    /// - Parameters:
    ///   - images: see ``ArchiveDocument/images``.
    ///   - referrers: see ``ArchiveDocument/referrers``.
    ///   - blobs: those of all volumes, the ones that are split included.
    ///   - omitted: see ``ArchiveDocument/omitted``.
    ///   - volumes: how many of the blobs each has as a whole, in their order, and its parts.
    /// - Returns: a sha256 digest.
    /// - Throws: ``DocumentError`` where no document could say this.
    package static func set(
        images: ImageList,
        referrers: [ArchiveDocument.Referrer],
        blobs: some Sequence<ArchiveDocument.Blob>,
        omitted: OmissionList,
        volumes: [(blobs: Int, parts: [ArchiveDocument.Part])]
    ) throws(DocumentError) -> Digest {
        let whole = try ArchiveDocument(images: images, referrers: referrers, blobs: blobs, omitted: omitted)
        var hasher = DigestHasher(.sha256)
        hasher.put("imglife archive set 2\n")
        for volume in volumes {
            hasher.put("volume \(volume.blobs)\n")
            ArchiveStatement.write(volume.parts, to: &hasher)
        }
        ArchiveStatement(whole).writeShared(to: &hasher)
        return hasher.finalize()
    }
}
