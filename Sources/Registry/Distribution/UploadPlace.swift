import OCI

/// An upload that a registry has opened and waits for.
struct UploadPlace: Hashable, Sendable {
    /// Where the next request of the session goes.
    let url: HTTPURL
    /// The least size of a chunk, in bytes, when the registry names one.
    let minimumChunk: Int64

    init(url: HTTPURL, minimumChunk: Int64) {
        self.url = url
        self.minimumChunk = minimumChunk
    }

    /// Reads where an accepted upload goes on.
    init(_ response: HTTPResponse, _ context: CallContext, minimumChunk: Int64 = 0) throws(RegistryError) {
        guard let url = Self.address(in: response) else {
            let said = response.header("Location").map { "at a place that cannot be used: '\($0.withoutQuery)'" }
            throw context.notUnderstood(response, "the registry accepts an upload \(said ?? "but does not say where")")
        }
        self.url = url
        self.minimumChunk = max(0, response.header("OCI-Chunk-Min-Length").flatMap { Int64($0) } ?? minimumChunk)
    }

    /// Where an answer says that an upload goes on.
    ///
    /// A registry behind a proxy may take itself for one with TLS, at the very port that has answered without.
    static func address(in response: HTTPResponse) -> HTTPURL? {
        guard let address = response.header("Location").flatMap(response.address) else { return nil }
        let plain = Origin(scheme: .http, host: address.origin.host, port: address.origin.port)
        guard plain == response.home?.origin else { return address }
        return HTTPURL(origin: plain, path: address.path, query: address.query).below(response.home)
    }
}

extension UploadPlace {
    /// Whether the POST that is answered has brought a blob into the registry.
    ///
    /// Some say 201 of an upload that they only open, as if that were what was asked for; where it leads tells one from the
    /// other.
    static func isNeeded(for digest: Digest, after response: HTTPResponse) -> Bool {
        guard response.status == 201 else { return true }
        guard let path = address(in: response)?.path, !path.contains(digest.hex) else { return false }
        let isOfUpload = response.header("Docker-Upload-UUID") != nil || response.header("Range") != nil
        return path.contains("/blobs/upload") || isOfUpload && response.saidDigest != digest
    }
}
