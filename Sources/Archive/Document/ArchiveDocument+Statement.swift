package import OCI

extension ArchiveDocument {
    /// What is signed: every field but the signatures, one thing a line, in a fixed order.
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
    package var statement: [UInt8] {
        var lines = ["imglife archive 1"]
        if let volume { lines.append("volume \(volume.number) \(volume.count) \(volume.set)") }
        lines += Self.lines(images: images, referrers: referrers, blobs: blobs, omitted: omitted)
        lines += parts.map {
            "part \($0.blob.digest) \($0.blob.size) \($0.index) \($0.offset) \($0.length) \($0.digest)"
        }
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }

    /// What names a set of volumes: a digest over all that its volumes hold together, and how many they are.
    ///
    /// - Parameters:
    ///   - images: see ``images``.
    ///   - referrers: see ``referrers``.
    ///   - blobs: those of all volumes, the ones that are split included.
    ///   - omitted: see ``omitted``.
    ///   - volumeCount: how many archives the set has.
    /// - Returns: a sha256 digest.
    /// - Throws: ``DocumentError`` where no document could say this.
    package static func set(
        images: [Image],
        referrers: [Referrer],
        blobs: [Blob],
        omitted: [Omission],
        volumeCount: Int
    ) throws(DocumentError) -> Digest {
        let whole = try ArchiveDocument(images: images, referrers: referrers, blobs: blobs, omitted: omitted)
        var hasher = DigestHasher(.sha256)
        let lines =
            ["imglife archive set 1", "volumes \(volumeCount)"]
            + lines(images: whole.images, referrers: whole.referrers, blobs: whole.blobs, omitted: whole.omitted)
        Array(lines.map { $0 + "\n" }.joined().utf8).withUnsafeBytes { hasher.update($0) }
        return hasher.finalize()
    }

    private static func lines(
        images: [Image],
        referrers: [Referrer],
        blobs: [Blob],
        omitted: [Omission]
    ) -> [String] {
        images.map { "image \($0.reference) \(line($0.descriptor))" }
            + referrers.map { "referrer \($0.repository) \(line($0.descriptor))" }
            + blobs.map { "blob \($0.digest) \($0.size)" }
            + omitted.map { "omitted \($0.blob.digest) \($0.blob.size) \($0.receipt)" }
    }

    private static func line(_ descriptor: Descriptor) -> String {
        "\(descriptor.digest) \(descriptor.mediaType) \(descriptor.size)"
    }
}
