import NIOCore
package import OCI

/// What an archive says of itself: the content of its member `imglife.json`.
///
/// The only statement on an archive's content that can be signed; a reader that finds it takes names, digests and sizes
/// from here, and `index.json` and `manifest.json` are for other programs.
package struct ArchiveDocument: Hashable, Sendable {
    /// A name and the manifest or index it stands for.
    package struct Image: Hashable, Sendable {
        /// A repository with a tag and no digest.
        package let reference: ImageReference
        package let descriptor: Descriptor

        package init(reference: ImageReference, descriptor: Descriptor) {
            self.reference = reference
            self.descriptor = descriptor
        }
    }

    /// A manifest that refers to one of the images, such as a signature, and that no image leads to.
    package struct Referrer: Hashable, Comparable, Sendable {
        package let repository: RepositoryReference
        package let descriptor: Descriptor

        package init(repository: RepositoryReference, descriptor: Descriptor) {
            self.repository = repository
            self.descriptor = descriptor
        }

        /// By repository and digest.
        package static func < (left: Referrer, right: Referrer) -> Bool {
            (left.repository, left.descriptor.digest) < (right.repository, right.descriptor.digest)
        }
    }

    /// A blob and its length in bytes.
    package struct Blob: Hashable, Sendable {
        package let digest: Digest
        package let size: Int64

        package init(digest: Digest, size: Int64) {
            self.digest = digest
            self.size = size
        }
    }

    /// A blob that the images need and that was left out, because the other side has it.
    package struct Omission: Hashable, Sendable {
        package let blob: Blob
        /// The digest of the ``Receipt`` that says so.
        package let receipt: Digest

        package init(blob: Blob, receipt: Digest) {
            self.blob = blob
            self.receipt = receipt
        }
    }

    /// A piece of a blob that is larger than a volume.
    package struct Part: Hashable, Sendable {
        /// The whole blob.
        package let blob: Blob
        /// Its place among the blob's parts, from 0; names the member.
        package let index: Int
        /// Where it begins within the blob, in bytes.
        package let offset: Int64
        /// In bytes; at least 1.
        package let length: Int64
        /// The digest of the part's own bytes.
        package let digest: Digest

        package init(blob: Blob, index: Int, offset: Int64, length: Int64, digest: Digest) {
            self.blob = blob
            self.index = index
            self.offset = offset
            self.length = length
            self.digest = digest
        }

        package var name: ArchiveEntryName { .part(blob.digest, index: index) }
    }

    /// Which archive of a set this is.
    package struct Volume: Hashable, Sendable {
        /// From 1.
        package let number: Int
        package let count: Int
        /// The same in all volumes of a set and in no other: the digest of the set's whole list.
        package let set: Digest

        package init(number: Int, count: Int, set: Digest) {
            self.number = number
            self.count = count
            self.set = set
        }
    }

    /// The largest document that is read, in bytes.
    package static let maximumSize = 64 << 20

    /// All images of the archive, or of the set it is a volume of; sorted by reference, each named once.
    package let images: ImageList
    /// Sorted by repository and digest.
    package let referrers: [Referrer]
    /// The whole blobs in this archive, manifests included; sorted by digest.
    package let blobs: BlobList
    /// Sorted by digest.
    package let omitted: OmissionList
    /// The parts in this archive; sorted by blob and index.
    package let parts: [Part]
    /// `nil` for an archive that is complete on its own.
    package let volume: Volume?
    /// The digest of what is signed, by which a damaged text is known where it is not signed.
    package private(set) var checksum = Digest.of(ByteBuffer())
    /// Not part of what is signed.
    package var signatures: [ArchiveSignature]

    /// Sorts and checks.
    ///
    /// - Throws: ``DocumentError`` (`structure`) when something stands twice, two sizes are given for one digest, or a
    ///   part lies outside of its blob.
    package init(
        images: some Sequence<Image>,
        referrers: [Referrer] = [],
        blobs: some Sequence<Blob>,
        omitted: OmissionList = [],
        parts: [Part] = [],
        volume: Volume? = nil,
        signatures: [ArchiveSignature] = []
    ) throws(DocumentError) {
        self.images = ImageList(images).sorted()
        let isInOrder = !zip(referrers, referrers.dropFirst()).contains { $0 > $1 }
        self.referrers = isInOrder ? referrers : referrers.sorted()
        self.blobs = BlobList(blobs).sorted()
        self.omitted = omitted.sorted()
        self.parts = parts.sorted { ($0.blob.digest, $0.index) < ($1.blob.digest, $1.index) }
        self.volume = volume
        self.signatures = signatures
        try check()
        checksum = ArchiveStatement(self).checksum
    }
}
