/// How a ``ScriptedRegistry`` behaves while nothing is scripted.
package struct RegistryOptions: Sendable {
    /// Whether a single `Range` is answered with 206.
    package var supportsRange = true
    /// Whether blobs come with a strong `ETag`.
    package var sendsETag = true
    /// Whether manifests and blobs come with `Docker-Content-Digest`.
    package var sendsContentDigest = true
    /// The most tags of one page; a smaller `n` of the client's wins.
    package var pageSize = 1000
    /// Whether `POST ?mount=&from=` mounts; otherwise it opens an upload.
    package var mounts = true
    /// Whether `POST ?digest=` with a blob's bytes stores it; otherwise it opens an upload, and the bytes are dropped.
    package var takesWholeUploads = false
    /// Whether what comes with the POST that opens an upload is its first part.
    package var keepsOffered = false
    /// Whether the answer says so then.
    package var tellsOffered = true
    /// Whether the referrers API exists, and `OCI-Subject` is sent.
    package var referrersAPI = false
    /// Whether a manifest's children and blobs must be there when it is pushed.
    package var requiresChildren = true
    /// Whether uploaded blobs are kept; otherwise they are hashed and counted, and can be asked for by HEAD alone.
    package var keepsUploadedBytes = true
    /// Whether what arrived of a broken upload request counts.
    package var keepsPartialUploads = true
    /// `OCI-Chunk-Min-Length` of an opened upload, in bytes.
    package var minimumChunk: Int?
    /// Whether answers come with `Docker-Distribution-Api-Version`.
    package var sendsAPIVersion = true

    package init() {}
}
