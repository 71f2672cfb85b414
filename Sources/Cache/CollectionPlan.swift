import OCI

/// What a collection would remove, decided on a graph alone.
struct CollectionPlan: Sendable {
    /// An image that makes room.
    struct Eviction: Sendable {
        let image: TaggedImage
        /// What nothing else keeps, keepers first.
        let blobs: [Int]
    }

    /// What nothing keeps, keepers first.
    let garbage: [Int]
    /// The least recently used first.
    let evictions: [Eviction]
    /// What is left afterwards.
    let remainingBytes: Int64

    /// Decides: what was used after `cutoff` (seconds since 1970) stays with all that it keeps, and images go where
    /// there is a limit in bytes and it is exceeded.
    init(_ graph: ReferenceGraph, cutoff: Int64, maximumSize: Int64?) {
        let young = graph.nodes.indices.filter { graph.nodes[$0].lastUse > cutoff }
        let protected = graph.closure(of: graph.leased.union(young))
        let images = graph.images()
        let all = Set(graph.nodes.indices)
        let unreachable = all.subtracting(protected).subtracting(graph.closure(of: graph.tags.map(\.node)))
        garbage = graph.keepersFirst(unreachable)
        let used = graph.bytes(of: all) - graph.bytes(of: unreachable)
        guard let maximumSize, Quota(maximumSize).isExceeded(by: used) else {
            evictions = []
            remainingBytes = used
            return
        }
        var keepers = Keepers(graph, images, protected)
        // What a run has just used would be needed again first; evicting it would only free it after the grace.
        let candidates = images.filter { $0.lastUse <= cutoff }.sorted { $0.lastUse < $1.lastUse }
        evictions = keepers.evict(candidates, excess: used - Quota(maximumSize).target)
        remainingBytes = used - evictions.reduce(0) { $0 + graph.bytes(of: $1.blobs) }
    }
}

/// A limit on the cache's size with room below it, so that not every run has to remove something.
struct Quota: Sendable {
    let limit: Int64

    init(_ limit: Int64) { self.limit = limit }

    /// Beyond 90 % of the limit something is removed.
    func isExceeded(by bytes: Int64) -> Bool { Double(bytes) > Double(limit) * 0.9 }

    /// Until 80 % of it are left.
    var target: Int64 { Int64(Double(limit) * 0.8) }
}

/// How many images and protections keep each blob.
private struct Keepers {
    private let graph: ReferenceGraph
    private var counts: [Int]

    init(_ graph: ReferenceGraph, _ images: [TaggedImage], _ protected: Set<Int>) {
        self.graph = graph
        counts = [Int](repeating: 0, count: graph.nodes.count)
        for node in protected { counts[node] += 1 }
        for image in images {
            for node in image.closure { counts[node] += 1 }
        }
    }

    /// Removes images in order until so many bytes are free, or none is left that may be removed.
    ///
    /// One that something else keeps, an index its child for instance, is looked at again when that is gone.
    mutating func evict(_ candidates: [TaggedImage], excess: Int64) -> [CollectionPlan.Eviction] {
        var evictions: [CollectionPlan.Eviction] = []
        var waiting = candidates
        var freed: Int64 = 0
        var isDone = false
        while !isDone {
            isDone = true
            var rest: [TaggedImage] = []
            for image in waiting {
                guard freed < excess, counts[image.node] == 1 else {
                    rest.append(image)
                    continue
                }
                let blobs = release(image)
                freed += graph.bytes(of: blobs)
                evictions.append(CollectionPlan.Eviction(image: image, blobs: graph.keepersFirst(blobs)))
                isDone = false
            }
            waiting = rest
        }
        return evictions
    }

    /// - Returns: what nothing keeps any more.
    private mutating func release(_ image: TaggedImage) -> Set<Int> {
        for node in image.closure { counts[node] -= 1 }
        return image.closure.filter { counts[$0] == 0 }
    }
}
