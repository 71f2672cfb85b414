/// A media type as it stands in descriptors and `Content-Type`: lower case, without parameters.
package struct MediaType: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Parses `type/subtype`; parameters such as `; charset=utf-8` are dropped, as RFC 6838 names have none.
    package init(_ text: some StringProtocol) throws(ReferenceError) {
        if let known = Self.shared[String(text)] {
            description = known
            return
        }
        let bare = Array(text.utf8.prefix { $0 != UInt8(ascii: ";") }).trimmingSpaces
        let parts = bare.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // Bytes are checked before they are lowered: a Kelvin sign would become a plain k.
        guard parts.count == 2, parts.allSatisfy(Self.isName) else {
            throw ReferenceError(.mediaType, text, "expected type/subtype")
        }
        let lowered = String(decoding: bare, as: UTF8.self).lowercased()
        description = Self.shared[lowered] ?? lowered
    }

    /// Manifests repeat few types many times: those share their text.
    private static let shared: [String: String] = Dictionary(
        (manifests + [.ociConfig, .ociLayer, .dockerConfig, .octetStream]).map { ($0.description, $0.description) }
            + ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"]
            .map { ($0, $0) }
    ) { first, _ in first }

    private init(known: String) {
        description = known
    }

    private static func isName(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.first?.isAlphanumeric == true && bytes.count <= 127
            && bytes.allSatisfy { $0.isAlphanumeric || "!#$&-^_.+".utf8.contains($0) }
    }
}

extension MediaType {
    package static let ociManifest = MediaType(known: "application/vnd.oci.image.manifest.v1+json")
    package static let ociIndex = MediaType(known: "application/vnd.oci.image.index.v1+json")
    package static let ociConfig = MediaType(known: "application/vnd.oci.image.config.v1+json")
    package static let ociLayer = MediaType(known: "application/vnd.oci.image.layer.v1.tar")
    package static let ociEmpty = MediaType(known: "application/vnd.oci.empty.v1+json")
    package static let dockerManifest = MediaType(known: "application/vnd.docker.distribution.manifest.v2+json")
    package static let dockerList = MediaType(known: "application/vnd.docker.distribution.manifest.list.v2+json")
    package static let dockerConfig = MediaType(known: "application/vnd.docker.container.image.v1+json")
    package static let dockerSchema1 = MediaType(known: "application/vnd.docker.distribution.manifest.v1+json")
    package static let dockerSchema1Signed = MediaType(
        known: "application/vnd.docker.distribution.manifest.v1+prettyjws"
    )
    package static let ociArtifact = MediaType(known: "application/vnd.oci.artifact.manifest.v1+json")
    package static let octetStream = MediaType(known: "application/octet-stream")

    /// The types of documents that ``Manifest`` reads, in the order in which a client prefers them.
    package static let manifests: [MediaType] = [.ociIndex, .ociManifest, .dockerList, .dockerManifest]

    /// Whether it is an index: a document that lists other manifests.
    package var isIndex: Bool { self == .ociIndex || self == .dockerList }

    /// Whether a descriptor of this type points at a document that ``Manifest`` reads, rather than at a blob.
    package var isManifest: Bool { Self.manifests.contains(self) }

    /// Whether it is a layer's that registries may be forbidden to hold, compressed in whatever way.
    var isNonDistributable: Bool {
        description.hasPrefix("application/vnd.oci.image.layer.nondistributable.v1.tar")
            || description == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            || description == "application/vnd.docker.image.rootfs.foreign.diff.tar"
    }

    package var isSchema1: Bool { self == .dockerSchema1 || self == .dockerSchema1Signed }

    /// Whether a descriptor of this type points at a manifest of a kind that ``Manifest`` does not read: registries keep it
    /// among the manifests.
    package var isUnreadManifest: Bool { isSchema1 || self == .ociArtifact }
}

extension BidirectionalCollection<UInt8> {
    fileprivate var trimmingSpaces: SubSequence {
        let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
