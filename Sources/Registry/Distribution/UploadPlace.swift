import OCI

/// An upload that a registry has opened and waits for.
package struct UploadPlace: Hashable, Sendable {
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
            throw context.error(
                .protocolViolation,
                "the registry accepts an upload, but does not say where",
                status: response.status
            )
        }
        self.url = url
        self.minimumChunk = max(0, response.header("OCI-Chunk-Min-Length").flatMap { Int64($0) } ?? minimumChunk)
    }
}

/// What asking a registry to take a blob over from another of its repositories came to.
package enum MountOutcome: Hashable, Sendable {
    /// The blob is there now.
    case mounted
    /// It must be sent; into the session that the registry opened instead, if it did.
    case refused(UploadPlace?)
}
