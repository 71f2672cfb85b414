import NIOCore
import OCI

/// Joins what docker's `manifest.json` says to what the `index.json` beside it offers: that comes first, and the other one
/// adds the names and images that it has more.
struct OfferMerging {
    private let indexed: ImportOffer
    /// Whether what has a tag alone, or no name, stays so: `--as` is to name it.
    private let keepsUnnamed: Bool
    /// What the index offers, by the configs of the images in it, and by those with their layers.
    private var tops: [Digest: [Descriptor]] = [:]
    /// The references that the index has.
    private var references: Set<String> = []
    private var tags: [Tag: Int] = [:]
    private var named: Set<Digest> = []
    /// The places of tags that a whole name has taken the place of.
    private var replaced: Set<Int> = []
    private var found: Set<Digest> = []
    private var added = ImportOffer()

    /// A tag alone, and what it stands for.
    private struct Tag: Hashable {
        let text: String
        let digest: Digest
    }

    /// - Parameters:
    ///   - indexed: what the index offers.
    ///   - keepsUnnamed: whether further names are given only to what has a whole one.
    ///   - read: a manifest; `nil` where it is not there.
    init(_ indexed: ImportOffer, keepsUnnamed: Bool, reading read: (Descriptor) throws -> Manifest?) {
        self.indexed = indexed
        self.keepsUnnamed = keepsUnnamed
        for position in indexed.names.indices {
            let (text, digest) = (indexed.names.text(at: position), indexed.names.descriptor(at: position).digest)
            if indexed.isReference(at: position) {
                references.insert(text)
                named.insert(digest)
            } else if case .tag = indexed.name(at: position) {
                tags[Tag(text: text, digest: digest)] = position
            }
        }
        let named = indexed.names.distinct.map { indexed.names.descriptor(numbered: $0) }
        var seen: Set<Descriptor> = []
        for top in named + indexed.nameless.map(\.descriptor) where seen.insert(top).inserted {
            for key in Self.keys(of: top, reading: read) { tops[key, default: []].append(top) }
        }
    }

    /// Of all images that a manifest or an index leads to; of what cannot be read others will say more.
    private static func keys(
        of top: Descriptor,
        reading read: (Descriptor) throws -> Manifest?
    ) -> Set<Digest> {
        var keys: Set<Digest> = []
        var seen: Set<Digest> = [top.digest]
        var level = [top]
        for _ in 0..<ImportClosure.maximumDepth where !level.isEmpty {
            var next: [Descriptor] = []
            for descriptor in level
            where descriptor.mediaType.isManifest && seen.count < ImportClosure.maximumDescriptors {
                guard let manifest = try? read(descriptor) else { continue }
                switch manifest.content {
                case .image(let image):
                    keys.formUnion([
                        image.config.digest, key(image.config.digest, image.layers.map(\.digest)),
                    ])
                case .index(let index):
                    next += index.entries.map(\.descriptor).filter { seen.insert($0.digest).inserted }
                }
            }
            level = next
        }
        return keys
    }

    /// One config may belong to several images: its layers, compressed or not.
    private static func key(_ config: Digest, _ layers: [Digest]) -> Digest {
        Digest.of(ByteBuffer(string: ([config] + layers).map(\.description).joined(separator: " ")))
    }

    /// Those of some names that the index does not have.
    func new(_ names: [ImportName]) -> [ImportName] {
        names.filter { name in
            guard case .reference(let reference) = name else { return true }
            return !references.contains(reference.description)
        }
    }

    /// Gives further names to an image of the index: the one of those layers, else the first of that config.
    ///
    /// - Returns: `false` when the index has none of that config.
    mutating func take(_ names: [ImportName], config: Digest?, layers: [Digest]) -> Bool {
        guard let config, let tops = tops[Self.key(config, layers)] ?? tops[config], let first = tops.first
        else { return false }
        for name in names {
            guard case .reference(let reference) = name else { continue }
            let positions = tops.compactMap { top in
                reference.tag.flatMap { tags[Tag(text: $0.description, digest: top.digest)] }
            }
            let top = positions.first.map(indexed.names.descriptor) ?? first
            guard !keepsUnnamed || named.contains(top.digest) else { continue }
            replaced.formUnion(positions.prefix(1))
            found.insert(top.digest)
            added.add([name], top)
        }
        return true
    }

    /// Adds an image that the index does not have.
    mutating func add(_ names: [ImportName], _ descriptor: Descriptor) { added.add(names, descriptor) }

    /// All of it.
    var offer: ImportOffer {
        let isLeft = { (root: ImportRoot) in root.attachment != nil || !found.contains(root.descriptor.digest) }
        var offer = indexed.filtered(names: { !replaced.contains($0) }, nameless: isLeft)
        for position in added.names.indices {
            offer.add([added.name(at: position)], added.names.descriptor(at: position))
        }
        for root in added.nameless { offer.add(root) }
        return offer
    }
}
