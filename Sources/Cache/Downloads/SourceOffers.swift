import OCI

/// Where those would have blobs from who wait for somebody else to bring them, whether or not that has begun.
struct SourceOffers {
    private struct Offer {
        let size: Int64
        let source: any ContentSource
    }

    private var offers: [Digest: [Offer]] = [:]

    mutating func add(_ source: any ContentSource, for descriptor: Descriptor) {
        offers[descriptor.digest, default: []].append(Offer(size: descriptor.size, source: source))
    }

    /// Takes one back that was added.
    mutating func withdraw(_ source: any ContentSource, for descriptor: Descriptor) {
        var rest = offers[descriptor.digest, default: []]
        let index = rest.firstIndex { $0.size == descriptor.size && $0.source.place == source.place }
        if let index { rest.remove(at: index) }
        offers[descriptor.digest] = rest.isEmpty ? nil : rest
    }

    /// In the order in which they were made.
    func sources(for descriptor: Descriptor) -> [any ContentSource] {
        offers[descriptor.digest, default: []].filter { $0.size == descriptor.size }.map(\.source)
    }
}
