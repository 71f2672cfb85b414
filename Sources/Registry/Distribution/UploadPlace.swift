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
        guard let text = response.header("Location"), let url = response.address(text) else {
            throw context.notUnderstood(response, "the registry accepts an upload, but does not say where")
        }
        self.url = url
        self.minimumChunk = max(0, response.header("OCI-Chunk-Min-Length").flatMap { Int64($0) } ?? minimumChunk)
    }
}
