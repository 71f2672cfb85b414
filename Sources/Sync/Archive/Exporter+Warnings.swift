import Logging
import OCI

extension Exporter {
    /// Tells of images that lack some of the platforms asked for and have others.
    func warn(ofLacking images: [PlatformPattern: [String]]) {
        for (platform, images) in images.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            warn(of: images, "images lack the platform \(platform)")
        }
    }

    func warn(ofIncomplete referrers: Set<Digest>) {
        guard !referrers.isEmpty else { return }
        let shown = referrers.sorted().prefix(3).map(\.description).joined(separator: " ")
        logger.warning(
            "signatures and the like that the cache does not hold whole are left out of the archive",
            metadata: ["count": "\(referrers.count)", "digests": "\(shown)\(referrers.count > 3 ? " …" : "")"]
        )
    }

    func warn(of tags: [String], _ reason: String) {
        guard !tags.isEmpty else { return }
        let shown = tags.prefix(3).map(\.displaySafe).joined(separator: " ") + (tags.count > 3 ? " …" : "")
        logger.warning("\(reason)", metadata: ["count": "\(tags.count)", "names": "\(shown)"])
    }
}
