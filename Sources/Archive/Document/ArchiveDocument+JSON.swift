package import NIOCore
package import OCI

extension ArchiveDocument: ArchiveText {
    /// The text of `imglife.json`: one thing a line, the same bytes for the same document.
    package func write(to target: inout some TextTarget) {
        target.put("{\n\"version\":1,\n")
        target.put(list: "images", images.indices) { ArchiveJSON.text(images.text(at: $0), images.descriptor(at: $0)) }
        if !referrers.isEmpty { target.put(next: "referrers", referrers, ArchiveJSON.text) }
        target.put(next: "blobs", blobs) { "{\(ArchiveJSON.members($0))}" }
        target.put(next: "omitted", omitted, ArchiveJSON.text)
        target.put(next: "parts", parts, ArchiveJSON.text)
        if let volume { target.put(",\n" + ArchiveJSON.text(volume)) }
        target.put(",\n\"checksum\":\"\(checksum)\"")
        if !signatures.isEmpty { target.put(next: "signatures", signatures, ArchiveJSON.text) }
        target.put("\n}\n")
    }

    private static let lists: Set = ["images", "referrers", "blobs", "omitted", "parts", "signatures"]

    /// Reads `imglife.json`.
    ///
    /// Its `checksum`, which earlier versions did not write, is compared with what the rest says: nothing else protects
    /// the names of an archive that is not signed.
    ///
    /// - Throws: ``DocumentError``: `unsupported` for a later version, `tooLarge` beyond ``maximumSize``, `syntax`,
    ///   `structure` for members that are missing, unknown, malformed or out of order, `digestMismatch` for another
    ///   checksum.
    package init(decoding bytes: ByteBuffer) throws(DocumentError) {
        let reader = Reader()
        try reader.take(bytes)
        self = try reader.finish()
    }

    /// Reads `imglife.json` as it comes.
    final class Reader {
        private var text = ArchiveFieldsReader(
            name: "imglife.json",
            limit: ArchiveDocument.maximumSize,
            version: 1,
            lists: ArchiveDocument.lists
        )
        private var lists = Lists()

        /// Takes the next bytes.
        func take(_ bytes: ByteBuffer) throws(DocumentError) {
            try text.take(bytes) { (list, fields) throws(DocumentError) in try lists.add(fields, to: list) }
        }

        /// Says that no more bytes come; to be called once.
        func finish() throws(DocumentError) -> ArchiveDocument {
            let root = try text.finish()
            try root.allowOnly(ArchiveDocument.lists.union(["version", "volume", "checksum"]))
            try root.require(lists: "images", "blobs", "omitted", "parts")
            let lists = lists
            self.lists = Lists()
            let document = try ArchiveDocument(
                images: lists.images,
                referrers: lists.referrers,
                blobs: lists.blobs,
                omitted: lists.omitted,
                parts: lists.parts,
                volume: root.has("volume") ? try Volume(root.object("volume")) : nil,
                signatures: lists.signatures
            )
            let written = root.has("checksum") ? try root.digest("checksum") : document.checksum
            guard written == document.checksum else {
                throw DocumentError(
                    .digestMismatch,
                    "imglife.json: its checksum is that of another text; it was damaged on its way, copy it again"
                )
            }
            return document
        }
    }

    /// What has been read of a text's lists.
    private struct Lists {
        var images = ImageList()
        var referrers: [Referrer] = []
        var blobs = BlobList()
        var omitted = OmissionList()
        var parts: [Part] = []
        var signatures: [ArchiveSignature] = []

        mutating func add(_ fields: ArchiveFields, to list: String) throws(DocumentError) {
            switch list {
            case "images": try images.append(fields)
            case "referrers": referrers.append(try Referrer(fields))
            case "blobs":
                try fields.allowOnly("digest", "size")
                blobs.append(try Blob(fields))
            case "omitted":
                guard omitted.append(try Omission(fields)) else { throw fields.malformed("receipt") }
            case "parts": parts.append(try Part(fields))
            default: signatures.append(try ArchiveSignature(fields))
            }
        }
    }
}

/// The pieces of the archive's JSON texts.
enum ArchiveJSON {
    static func text(_ reference: String, _ descriptor: Descriptor) -> String {
        "{\"reference\":\(JSONText.quoted(reference)),\(members(descriptor))}"
    }

    static func text(_ referrer: ArchiveDocument.Referrer) -> String {
        "{\"repository\":\(JSONText.quoted("\(referrer.repository)")),\(members(referrer.descriptor))}"
    }

    static func text(_ omission: ArchiveDocument.Omission) -> String {
        "{\(members(omission.blob)),\"receipt\":\"\(omission.receipt)\"}"
    }

    static func text(_ part: ArchiveDocument.Part) -> String {
        "{\(members(part.blob)),\"offset\":\(part.offset),\"length\":\(part.length),"
            + "\"partDigest\":\"\(part.digest)\",\"name\":\"\(part.name)\"}"
    }

    static func text(_ volume: ArchiveDocument.Volume) -> String {
        "\"volume\":{\"number\":\(volume.number),\"count\":\(volume.count),\"set\":\"\(volume.set)\"}"
    }

    static func text(_ signature: ArchiveSignature) -> String {
        "{\"key\":\"\(signature.key)\",\"signature\":\(JSONText.quoted(signature.base64))}"
    }

    static func members(_ blob: ArchiveDocument.Blob) -> String {
        "\"digest\":\"\(blob.digest)\",\"size\":\(blob.size)"
    }

    private static func members(_ descriptor: Descriptor) -> String {
        "\"digest\":\"\(descriptor.digest)\",\"mediaType\":\(JSONText.quoted("\(descriptor.mediaType)")),"
            + "\"size\":\(descriptor.size)"
    }
}

extension ImageList {
    fileprivate mutating func append(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("reference", "digest", "mediaType", "size")
        append(try fields.reference("reference"), try fields.descriptor())
    }
}

extension ArchiveDocument.Referrer {
    fileprivate init(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("repository", "digest", "mediaType", "size")
        let reference = try fields.reference("repository")
        guard reference.reference == nil else { throw fields.malformed("repository") }
        self.init(repository: reference.location, descriptor: try fields.descriptor())
    }
}

extension ArchiveDocument.Blob {
    init(_ fields: ArchiveFields) throws(DocumentError) {
        self.init(digest: try fields.digest("digest"), size: try fields.integer("size"))
    }
}

extension ArchiveDocument.Omission {
    fileprivate init(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("digest", "size", "receipt")
        self.init(blob: try .init(fields), receipt: try fields.digest("receipt"))
    }
}

extension ArchiveDocument.Part {
    fileprivate init(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("digest", "size", "offset", "length", "partDigest", "name")
        let blob = try ArchiveDocument.Blob(fields)
        guard case .part(blob.digest, let index) = try? ArchiveEntryName(fields.string("name")) else {
            throw fields.malformed("name")
        }
        self.init(
            blob: blob,
            index: index,
            offset: try fields.integer("offset"),
            length: try fields.integer("length"),
            digest: try fields.digest("partDigest")
        )
    }
}

extension ArchiveDocument.Volume {
    fileprivate init(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("number", "count", "set")
        guard let number = Int(exactly: try fields.integer("number")),
            let count = Int(exactly: try fields.integer("count"))
        else { throw fields.malformed("number") }
        self.init(number: number, count: count, set: try fields.digest("set"))
    }
}
