import Cache
import OCI

/// All that one image is made of, in the order in which it must reach a target.
///
/// Built by reading manifests only, so a dry run, the totals and the copy itself see the same thing.
struct ImageGraph: Sendable {
    /// What gets the tag: the source's own document, or an index reduced to the platforms asked for.
    let top: Manifest
    /// What the source's tag pointed at when it was read, before platforms were chosen.
    let source: Descriptor
    /// The manifests below the top, children before their parents, each once.
    let children: [Manifest]
    /// Configs, layers and other blobs, each once, in the order in which manifests name them.
    let blobs: [Descriptor]
    /// Platforms that were asked for and are not there while others are.
    let missingPlatforms: [PlatformPattern]
    /// What a person should know of it, one line each.
    var warnings: [String] = []
    /// Whether the top is an index made here, which the source does not have.
    var isMade = false
    /// Indexes of the source that were read to choose platforms and do not reach the target.
    var nested: [Manifest] = []

    /// Everything that must be kept for the image, for a lease.
    var descriptors: [Descriptor] {
        [top.descriptor] + children.map(\.descriptor) + blobs
    }

    /// - Throws: ``CopyError`` when the cache is the source and lacks a blob.
    func require(from source: any ImageSource, in cache: ContentCache) throws {
        guard source.isCache, let lost = try blobs.first(where: { try !cache.contains($0) }) else { return }
        throw source.absence(of: .digest(lost.digest))
    }

    /// The manifests that something at the source may refer to: all but an index made here.
    var subjects: [Digest] { ((isMade ? [] : [top]) + children).map(\.descriptor.digest) }

    /// A blob that an index lists as a manifest is listed, as messages name it: it may be a manifest of an unknown kind.
    func name(ofEntry blob: Descriptor) -> String? {
        let isEntry = (children + [top]).contains { $0.descriptor.mediaType.isIndex && $0.references.contains(blob) }
        return isEntry ? "\(blob.digest) of type \(blob.mediaType.description.displaySafe), which an index lists" : nil
    }

    /// A manifest of the image, as messages name it: `sha256:… (linux/arm64)`.
    func name(of child: Manifest) -> String {
        let digest = child.descriptor.digest
        for case .index(let index) in ([top] + children).map(\.content) {
            guard let entry = index.entries.first(where: { $0.descriptor.digest == digest }) else { continue }
            return "\(digest)" + (entry.platform.map { " (\($0.description.displaySafe))" } ?? "")
        }
        return "\(digest)"
    }
}

extension Manifest {
    /// Layers that are not mirrored, as their licence forbids it.
    var foreignLayers: [Descriptor] {
        guard case .image(let image) = content else { return [] }
        return image.foreignLayers.sorted().map { image.layers[$0] }
    }
}

extension TargetRefusal {
    /// A registry that wants layers which their licence keeps out of registries says so in no other way.
    func naming(foreignLayersOf graph: ImageGraph) -> Self {
        let layers = (graph.children + [graph.top]).flatMap(\.foreignLayers)
        guard !layers.isEmpty else { return self }
        return adding(
            ", and wants layers that may not be distributed, which are not pushed: "
                + layers.map(\.digest.description).joined(separator: ", ")
        )
    }
}
