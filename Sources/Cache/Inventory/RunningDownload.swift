package import OCI

/// One blob on its way into the cache.
package struct RunningDownload: Hashable, Sendable {
    package let digest: Digest
    /// Whose content it is; made safe when it is shown.
    package let place: String
    /// In bytes.
    package let size: Int64
    /// Bytes on the disk.
    package let arrived: Int64

    package init(digest: Digest, place: String, size: Int64, arrived: Int64) {
        self.digest = digest
        self.place = place
        self.size = size
        self.arrived = arrived
    }
}

extension Downloads {
    /// What this process downloads now, by source and digest.
    var running: [RunningDownload] {
        active.map { download in
            RunningDownload(
                digest: download.descriptor.digest,
                place: download.source.place,
                size: download.descriptor.size,
                arrived: download.state.view.arrived
            )
        }
        .sorted { ($0.place, $0.digest) < ($1.place, $1.digest) }
    }
}
