package import NIOCore

/// A manifest or an index: the bytes that arrived, and what they say.
///
/// The bytes are never re-encoded. What two readers could understand differently is refused (CVE-2021-41190):
/// duplicate keys, keys that differ in case only, `manifests` beside `layers` or `config`, media types that contradict
/// each other, and types of manifests in unusual spelling or where blobs belong.
package struct Manifest: Sendable {
    /// What kind of document it is, and what it refers to.
    package enum Content: Sendable {
        case image(ImageManifest)
        case index(ImageIndex)
    }

    /// The largest document accepted, in bytes: what the distribution specification asks registries to take.
    package static let maximumSize = 4 << 20
    /// The largest number of children or layers accepted.
    package static let maximumChildren = 10_000
    /// The largest size accepted in a descriptor, in bytes: 16 TiB, the largest file of ext4.
    ///
    /// The sizes of as many descriptors as a manifest may have can be added up without overflow.
    package static let maximumContentSize: Int64 = 1 << 44

    package let bytes: ByteBuffer
    package let descriptor: Descriptor
    package let content: Content
    /// What it declares to be about: set on signatures, attestations and the like (OCI image-spec 1.1.1, `subject`).
    package let subject: Descriptor?

    /// Reads a document as a registry delivered it.
    ///
    /// - Parameters:
    ///   - bytes: the document.
    ///   - contentType: the answer's `Content-Type`; `nil` or a type that is no registry's, such as `application/json`, says
    ///     nothing, and the document's own `mediaType` decides; when it has none what is expected, and then its shape.
    ///   - expected: what led here; digest, size and media type must be the same.
    ///   - algorithm: which digest to compute when nothing is expected.
    /// - Throws: ``DocumentError``.
    package init(
        bytes: ByteBuffer,
        contentType: MediaType?,
        expected: Descriptor? = nil,
        algorithm: Digest.Algorithm = .sha256
    ) throws(DocumentError) {
        guard bytes.readableBytes <= Self.maximumSize else {
            throw DocumentError(.tooLarge, "the manifest has more than \(Self.maximumSize) bytes")
        }
        let digest = Digest.of(bytes, algorithm: expected?.digest.algorithm ?? algorithm)
        if let expected { try Self.check(digest, size: bytes.readableBytes, against: expected) }
        if contentType?.isSchema1 == true || expected?.mediaType.isSchema1 == true { throw ManifestReader.schema1 }
        let reader = ManifestReader(root: try JSONValue(parsing: bytes))
        let mediaType = try reader.mediaType(
            contentType: contentType?.isOfRegistries == true ? contentType : nil,
            fallback: expected.flatMap { $0.mediaType.isManifest ? $0.mediaType : nil }
        )
        if let expected, !mediaType.isLike(expected.mediaType), !expected.mediaType.isGeneral {
            throw DocumentError(
                .confusion,
                "the manifest is of type \(mediaType.description.displaySafe), but what refers to it says "
                    + expected.mediaType.description.displaySafe
            )
        }
        content = mediaType.isIndex ? .index(try reader.index()) : .image(try reader.image())
        subject = try reader.descriptor(named: "subject")
        self.bytes = bytes
        descriptor = Descriptor(mediaType: mediaType, digest: digest, byteCount: bytes.readableBytes)
    }

    /// Whether a digest is that of the bytes, whatever its algorithm.
    package func isNamed(by digest: Digest) -> Bool {
        digest == descriptor.digest
            || digest.algorithm != descriptor.digest.algorithm && digest == .of(bytes, algorithm: digest.algorithm)
    }

    /// What it refers to that must be stored before it: an index's children, an image's config and layers.
    ///
    /// Not ``ImageManifest/foreignLayers``.
    package var references: [Descriptor] {
        switch content {
        case .image(let image):
            [image.config]
                + image.layers.enumerated().filter { !image.foreignLayers.contains($0.offset) }.map(\.element)
        case .index(let index): index.entries.map(\.descriptor)
        }
    }

    private static func check(_ digest: Digest, size: Int, against expected: Descriptor) throws(DocumentError) {
        guard digest == expected.digest else {
            throw DocumentError(.digestMismatch, "expected \(expected.digest), but the bytes are \(digest)")
        }
        guard expected.size == size else {
            throw DocumentError(
                .confusion,
                "the manifest has \(size) bytes, but what refers to it says \(expected.size)"
            )
        }
    }
}

/// What a manifest for one image or artifact refers to.
package struct ImageManifest: Sendable {
    package let config: Descriptor
    /// In order, base first; an artifact's need not be layers.
    package let layers: [Descriptor]
    /// The positions of layers that registries need not hold: their licence forbids it, and `urls` say who has them.
    ///
    /// OCI image-spec 1.1.1, "Non-Distributable Layers"; Docker calls them foreign. The client fetches them itself.
    package let foreignLayers: Set<Int>
    package let annotations: [String: String]
    package let artifactType: String?
}

/// What an index refers to.
package struct ImageIndex: Sendable {
    /// One child of an index.
    package struct Entry: Sendable {
        package let descriptor: Descriptor
        package let platform: Platform?
        package let annotations: [String: String]
        package let artifactType: String?
        /// Where its descriptor stands in the index's bytes.
        package let range: Range<Int>
        /// Where the value of its `platform` stands in the index's bytes, even if that is `null`.
        package let platformRange: Range<Int>?
    }

    /// In the index's order.
    package let entries: [Entry]
    /// Where the `manifests` array stands in the index's bytes, brackets included; or `null`, which is an empty one.
    package let range: Range<Int>
    package let annotations: [String: String]
    package let artifactType: String?
}

extension MediaType {
    /// Whether no reader could take a document of the one type for another thing than one of the other: Docker's and
    /// OCI's images, and their lists, have the same shape, and are labelled as each other's in the field.
    func isLike(_ other: MediaType) -> Bool {
        self == other || isManifest && other.isManifest && isIndex == other.isIndex
    }

    /// Whether it says what a document is.
    ///
    /// Servers that know no registries take others from a table of file names, in which `1.1` is a page of a manual.
    fileprivate var isOfRegistries: Bool {
        ["application/vnd.oci.", "application/vnd.docker."].contains(where: description.hasPrefix)
    }

    /// Types that servers send when they do not know better; they say nothing about the document.
    package var isGeneral: Bool {
        ["application/json", "application/octet-stream", "text/plain", "binary/octet-stream"].contains(description)
    }
}
