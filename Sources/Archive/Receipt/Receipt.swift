package import Cache
import Glibc
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

    /// What every receipt begins with.
    private static let start = "{\n\"version\":1,\n"

    /// Sorted by digest.
    package let blobs: BlobList
    /// Sorted by reference; for people, nothing follows from them.
    package let images: Images

    /// Sorts and checks.
    ///
    /// - Throws: ``DocumentError`` (`structure`) when a blob or an image stands twice.
    package init(blobs: some Sequence<ArchiveDocument.Blob>, images: some Sequence<Image>) throws(DocumentError) {
        self.blobs = BlobList(blobs).sorted()
        self.images = Images(images).sorted()
        guard self.blobs.isUnique, self.images.isUnique else {
            throw DocumentError(.structure, "the receipt: something stands twice")
        }
    }

    /// What an archive that relies on the receipt names it by: the digest of its bytes.
    package var digest: Digest { textDigest }
}

extension Receipt {
    /// Whether a file may be one that was written earlier, or is empty: nothing else is replaced by a receipt.
    ///
    /// - Returns: as its first bytes tell; `true` where there is none.
    /// - Throws: `CacheError` when it cannot be read.
    package static func mayReplace(_ path: String) throws(CacheError) -> Bool {
        let start = ByteBuffer(string: start + "\"blobs\":")
        do throws(SystemError) {
            let descriptor = try SystemError.check("open") { Glibc.open(path, O_RDONLY | O_CLOEXEC) }
            let head = try OpenFile(owning: descriptor).read(at: 0, atMost: start.readableBytes)
            return head.readableBytes == 0 || head == start
        } catch {
            guard error.code != ENOENT else { return true }
            throw CacheError(error, "read", path: path)
        }
    }
}

extension Receipt: ArchiveText {
    /// Its text: one thing a line, the same bytes for the same content.
    package func write(to target: inout some TextTarget) {
        target.put(Self.start)
        target.put(list: "blobs", blobs) { "{\(ArchiveJSON.members($0))}" }
        target.put(next: "images", images.indices) {
            "{\"reference\":\(JSONText.quoted(images.text(at: $0))),\"digest\":\"\(images.digest(at: $0))\"}"
        }
        target.put("\n}\n")
    }

    /// Reads a receipt.
    ///
    /// - Throws: ``DocumentError``: `unsupported` for a later version, `tooLarge`, `syntax`, `structure`.
    package init(decoding bytes: ByteBuffer, limit: Int = maximumSize) throws(DocumentError) {
        var reader = ReceiptReader(limit: limit)
        try reader.take(bytes)
        self = try reader.finish()
    }
}

/// Reads a receipt as it comes.
struct ReceiptReader {
    private var text: ArchiveFieldsReader
    private var hasher = DigestHasher(.sha256)
    private var blobs = BlobList()
    private var images = Receipt.Images()

    /// At most `limit` bytes are taken.
    init(limit: Int = Receipt.maximumSize) {
        text = ArchiveFieldsReader(name: "the receipt", limit: limit, version: 1, lists: ["blobs", "images"])
    }

    /// Takes the next bytes.
    mutating func take(_ bytes: ByteBuffer) throws(DocumentError) {
        hasher.update(bytes)
        var (blobs, images) = (blobs, images)
        (self.blobs, self.images) = ([], Receipt.Images())
        defer { (self.blobs, self.images) = (blobs, images) }
        try text.take(bytes) { (list, fields) throws(DocumentError) in
            if list == "blobs" {
                try fields.allowOnly("digest", "size")
                blobs.append(try ArchiveDocument.Blob(fields))
            } else {
                try fields.allowOnly("reference", "digest")
                let reference = try fields.reference("reference")
                images.append(reference, try fields.digest("digest"))
            }
        }
    }

    /// Says that no more bytes come.
    ///
    /// - Throws: ``DocumentError``, also for a text that imglife would write otherwise.
    consuming func finish() throws(DocumentError) -> Receipt {
        let root = try text.finish()
        try root.allowOnly("version", "blobs", "images")
        try root.require(lists: "blobs", "images")
        let receipt = try Receipt(blobs: blobs, images: images)
        guard receipt.digest == hasher.finalize() else {
            throw DocumentError(.structure, "the receipt: it is not written as imglife writes it; copy it unchanged")
        }
        return receipt
    }
}

extension Receipt {
    /// What a cache holds for good: all that its tags and awaited volumes keep, as far as the files are there.
    ///
    /// Reads no content. What only a grace protects from the next collection is left out.
    ///
    /// - Throws: ``CacheError``.
    @concurrent
    package init(of cache: ContentCache) async throws {
        let blobs = try await cache.inventory.keptBlobs(into: BlobList()) { list, digest, size in
            list.append(ArchiveDocument.Blob(digest: digest, size: size))
        }
        let images = try await cache.inventory.keptTags(into: Images()) { $0.append($1, $2) }
        try self.init(blobs: blobs, images: images)
    }

    /// Checks that its text can be read back.
    ///
    /// - Throws: `DocumentError` (`tooLarge`).
    package func check(limit: Int = maximumSize) throws(DocumentError) {
        guard byteCount <= limit else {
            throw DocumentError(
                .tooLarge,
                "the cache holds too much for a receipt of at most \(limit) bytes: export without --since"
            )
        }
    }
}
