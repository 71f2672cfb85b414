import OCI

/// What the cache holds and who keeps what, read at one moment.
///
/// A manifest keeps its children, config and layers, and the referrers whose subject it is; a referrer does not keep
/// its subject.
struct ReferenceGraph: Sendable {
    /// One blob.
    struct Node: Sendable {
        let digest: Digest
        /// Bytes on the disk; none where the file is known to be missing.
        let size: Int64
        /// When it was committed or used last, in seconds since 1970.
        let lastUse: Int64
        /// Whether its file is there, as far as the index knows.
        let isOnDisk: Bool
    }

    /// One tag, or another name that a client used, and which node it names.
    struct Tag: Sendable {
        let location: RepositoryReference
        let name: Reference
        let node: Int
        /// Seconds since 1970.
        let updatedAt: Int64
    }

    private(set) var nodes: [Node] = []
    private(set) var tags: [Tag] = []
    /// What archives have brought for images whose other volumes are still to come.
    private(set) var awaited: Set<Int> = []
    /// What each node keeps.
    private var kept: [[Int]] = []
    private var positions: [Digest: Int] = [:]

    mutating func add(_ node: Node) {
        guard positions[node.digest] == nil else { return }
        positions[node.digest] = nodes.count
        nodes.append(node)
        kept.append([])
    }

    /// Says that a blob keeps another; what is not here keeps nothing and needs nothing.
    mutating func add(keeper: Digest, of blob: Digest) {
        guard let keeper = positions[keeper], let blob = positions[blob] else { return }
        kept[keeper].append(blob)
    }

    mutating func add(_ name: Reference, of location: RepositoryReference, as digest: Digest, updatedAt: Int64) {
        guard let node = positions[digest] else { return }
        tags.append(Tag(location: location, name: name, node: node, updatedAt: updatedAt))
    }

    mutating func add(awaited digest: Digest) {
        if let node = positions[digest] { awaited.insert(node) }
    }

    /// All that some nodes keep, themselves included.
    func closure(of roots: some Sequence<Int>) -> Set<Int> {
        var found = Set(roots)
        var open = Array(found)
        while let node = open.popLast() {
            for next in kept[node] where found.insert(next).inserted { open.append(next) }
        }
        return found
    }

    func bytes(of members: some Sequence<Int>) -> Int64 {
        members.reduce(0) { $0 + nodes[$1].size }
    }
}

/// The tags that name one manifest: what is removed together or not at all.
struct TaggedImage: Sendable {
    let node: Int
    let tags: [ReferenceGraph.Tag]
    /// When it was used, or one of its tags changed, last; seconds since 1970.
    let lastUse: Int64
    /// Everything that it keeps, itself included.
    let closure: Set<Int>
}

extension ReferenceGraph {
    /// The images that tags name, in the order of their first tags.
    func images() -> [TaggedImage] {
        var order: [Int] = []
        var byNode: [Int: [Tag]] = [:]
        for tag in tags {
            if byNode[tag.node] == nil { order.append(tag.node) }
            byNode[tag.node, default: []].append(tag)
        }
        return order.map { node in
            let tags = byNode[node] ?? []
            let lastUse = tags.reduce(nodes[node].lastUse) { max($0, $1.updatedAt) }
            return TaggedImage(node: node, tags: tags, lastUse: lastUse, closure: closure(of: [node]))
        }
    }
}

extension ReferenceGraph.Tag {
    var reference: ImageReference { ImageReference(location: location, reference: name) }
}
