import OCI

/// One blob on its way into the cache.
struct Download: Sendable {
    let descriptor: Descriptor
    /// Where it comes from now.
    private(set) var source: any ContentSource
    let state: DownloadState
    /// What it goes on for; `nil` for one that goes on whoever leaves.
    var demand: Demand?

    /// Where else those who wait for it would have it from, each once and in their order.
    private var others: [any ContentSource] = []
    /// Where it has come from, and failed.
    private var failed: Set<String> = []

    /// What is left of one that nobody wants may as well come when it is so little, in bytes.
    private static let small: Int64 = 8 << 20

    init(descriptor: Descriptor, source: any ContentSource, state: DownloadState, demand: Demand?) {
        self.descriptor = descriptor
        self.source = source
        self.state = state
        self.demand = demand
    }

    private var isNearlyDone: Bool {
        let arrived = state.view.arrived
        return arrived > 0 && descriptor.size - arrived <= max(Self.small, descriptor.size / 4)
    }

    /// Runs its work for as long as somebody wants it.
    ///
    /// - Throws: ``Demand/Dropped`` when nobody does; what `body` throws.
    func whileWanted(_ body: @escaping @Sendable () async throws -> Void) async throws {
        guard let demand else { return try await body() }
        try await demand.hold(isNearlyDone: { isNearlyDone }, body)
    }

    /// Takes note that somebody would have it from another source.
    mutating func offer(_ source: any ContentSource) {
        let isKnown = ([self.source] + others).contains { $0.place == source.place } || failed.contains(source.place)
        if !isKnown { others.append(source) }
    }

    /// The same from the next of the others' sources; `nil` when there is none.
    func fromNextSource() -> Download? {
        guard let next = others.first else { return nil }
        var result = self
        result.failed.insert(source.place)
        result.source = next
        result.others.removeFirst()
        return result
    }

    /// Whether a failure says something about the source alone, so that another one may have the blob.
    static func isOfSource(_ error: any Error) -> Bool {
        switch error {
        case let error as CacheError: error.kind == .digestMismatch
        case is CancellationError, is Demand.Dropped, is SystemError: false
        default: true
        }
    }
}
