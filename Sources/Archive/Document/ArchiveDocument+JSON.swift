package import NIOCore
package import OCI

extension ArchiveDocument {
    /// The text of `imglife.json`: one thing a line, the same bytes for the same document.
    package var encoded: ByteBuffer {
        var text = "{\n\"version\":1,\n"
        text += ArchiveJSON.list("images", images.map(ArchiveJSON.text)) + ",\n"
        if !referrers.isEmpty { text += ArchiveJSON.list("referrers", referrers.map(ArchiveJSON.text)) + ",\n" }
        text += ArchiveJSON.list("blobs", blobs.map { "{\(ArchiveJSON.members($0))}" }) + ",\n"
        text += ArchiveJSON.list("omitted", omitted.map(ArchiveJSON.text)) + ",\n"
        text += ArchiveJSON.list("parts", parts.map(ArchiveJSON.text))
        if let volume { text += ",\n" + ArchiveJSON.text(volume) }
        if !signatures.isEmpty { text += ",\n" + ArchiveJSON.list("signatures", signatures.map(ArchiveJSON.text)) }
        return ByteBuffer(string: text + "\n}\n")
    }

    /// Reads `imglife.json`.
    ///
    /// - Throws: ``DocumentError``: `unsupported` for a later version, `tooLarge` beyond ``maximumSize`` or the JSON
    ///   parser's bounds, `syntax`, `structure` for members that are missing, unknown, malformed or out of order.
    package init(decoding bytes: ByteBuffer) throws(DocumentError) {
        let root = try ArchiveFields(bytes, name: "imglife.json", limit: Self.maximumSize)
        try root.checkVersion(1)
        try root.allowOnly("version", "images", "referrers", "blobs", "omitted", "parts", "volume", "signatures")
        try self.init(
            images: try root.list("images") { fields throws(DocumentError) in try Image(fields) },
            referrers: root.has("referrers")
                ? try root.list("referrers") { fields throws(DocumentError) in try Referrer(fields) } : [],
            blobs: try root.list("blobs") { fields throws(DocumentError) in
                try fields.allowOnly("digest", "size")
                return try Blob(fields)
            },
            omitted: try root.list("omitted") { fields throws(DocumentError) in try Omission(fields) },
            parts: try root.list("parts") { fields throws(DocumentError) in try Part(fields) },
            volume: root.has("volume") ? try Volume(root.object("volume")) : nil,
            signatures: root.has("signatures")
                ? try root.list("signatures") { fields throws(DocumentError) in try ArchiveSignature(fields) } : []
        )
    }
}

/// The pieces of the archive's JSON texts.
enum ArchiveJSON {
    static func list(_ key: String, _ elements: [String]) -> String {
        "\"\(key)\":[" + elements.map { "\n" + $0 }.joined(separator: ",") + (elements.isEmpty ? "]" : "\n]")
    }

    static func text(_ image: ArchiveDocument.Image) -> String {
        "{\"reference\":\(JSONText.quoted("\(image.reference)")),\(members(image.descriptor))}"
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

extension ArchiveDocument.Image {
    fileprivate init(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("reference", "digest", "mediaType", "size")
        self.init(reference: try fields.reference("reference"), descriptor: try fields.descriptor())
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
