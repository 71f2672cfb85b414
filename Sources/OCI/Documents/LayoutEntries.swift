package import NIOCore

/// Reads the `index.json` of an image layout (OCI image-spec 1.1.1, "index.json file") as it comes: it may list more than any
/// manifest, and is read as strictly as ``Manifest``.
package struct LayoutEntries: Sendable {
    private let limit: Int
    private var splitter = ListSplitter(["manifests"])
    private var length = 0
    private var count = 0
    /// What an entry was refused for: told once it is known that the rest is an index.
    private var failure: DocumentError?

    /// - Parameter limit: the largest text that is taken, in bytes.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Takes the next bytes.
    ///
    /// - Parameters:
    ///   - bytes: of the text.
    ///   - body: gets each entry; its places are those within its own text.
    /// - Throws: ``DocumentError``.
    package mutating func take(_ bytes: ByteBuffer, _ body: (ImageIndex.Entry) -> Void) throws(DocumentError) {
        length += bytes.readableBytes
        guard length <= limit else { throw DocumentError(.tooLarge, "the index has more than \(limit) bytes") }
        var (count, failure) = (count, failure)
        defer { (self.count, self.failure) = (count, failure) }
        try splitter.take(bytes) { (_, text) throws(DocumentError) in
            guard failure == nil else { return }
            do throws(DocumentError) {
                body(try ManifestReader.entry(JSONValue(parsing: text), at: count))
                count += 1
            } catch {
                failure = error
            }
        }
    }

    /// Says that no more bytes come.
    ///
    /// - Throws: ``DocumentError``, also for what an entry is refused for.
    package func finish() throws(DocumentError) {
        let reader = ManifestReader(root: try JSONValue(parsing: splitter.finish()))
        guard try reader.mediaType(contentType: .ociIndex, fallback: nil).isIndex else {
            throw DocumentError(.structure, "it is no index")
        }
        _ = try reader.index()
        if let failure { throw failure }
    }
}

extension ImageIndex {
    /// Reads an `index.json` that is held whole.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - limit: the largest one that is taken, in bytes.
    /// - Returns: its entries; their places are those within their own texts.
    /// - Throws: ``DocumentError``.
    package static func entries(layout bytes: ByteBuffer, limit: Int) throws(DocumentError) -> [Entry] {
        var (reader, entries) = (LayoutEntries(limit: limit), [Entry]())
        try reader.take(bytes) { entries.append($0) }
        try reader.finish()
        return entries
    }
}
