import OCI

/// One blob on its way into the cache.
struct Download: Sendable {
    let descriptor: Descriptor
    let source: any ContentSource
    let state: DownloadState
}
