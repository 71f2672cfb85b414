package import NIOCore

extension ImageIndex {
    /// Reads the `index.json` of an image layout (OCI image-spec 1.1.1, "index.json file"), which may list more than any
    /// manifest; as strictly as ``Manifest``.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - limit: the largest one that is taken, in bytes.
    /// - Throws: ``DocumentError``.
    package init(layout bytes: ByteBuffer, limit: Int) throws(DocumentError) {
        guard bytes.readableBytes <= limit else {
            throw DocumentError(.tooLarge, "the index has more than \(limit) bytes")
        }
        var entries: [Entry] = []
        var failure: DocumentError?
        let root = try JSONValue(parsing: bytes, streaming: ["manifests"]) { _, value in
            guard failure == nil else { return }
            do throws(DocumentError) {
                entries.append(try ManifestReader.entry(value, at: entries.count))
            } catch {
                failure = error
            }
        }
        let reader = ManifestReader(root: root)
        guard try reader.mediaType(contentType: .ociIndex, fallback: nil).isIndex else {
            throw DocumentError(.structure, "it is no index")
        }
        let frame = try reader.index()
        if let failure { throw failure }
        self.init(
            entries: entries,
            range: frame.range,
            annotations: frame.annotations,
            artifactType: frame.artifactType
        )
    }
}
