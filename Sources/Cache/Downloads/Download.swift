import OCI

/// One blob on its way into the cache.
struct Download: Sendable {
    let descriptor: Descriptor
    /// Where it comes from now.
    private(set) var source: any ContentSource
    let state: DownloadState
    /// What it goes on for; `nil` for one that goes on whoever leaves.
    let demand: Demand?
    /// Another manifest gives the digest another size, and that blob is on its way too: each has a file of its own.
    let isRival: Bool

    /// Where else those who wait for it would have it from, each once and in their order.
    private var others: [any ContentSource] = []
    /// Where it has come from, and failed.
    private var failed: Set<String> = []
    /// Where it has come from so slowly that somebody else's source was asked instead.
    private var outpaced: Set<String> = []

    /// What is left of one that nobody wants may as well come when it is so little, in bytes.
    private static let small: Int64 = 8 << 20

    init(
        descriptor: Descriptor,
        source: any ContentSource,
        state: DownloadState,
        demand: Demand?,
        isRival: Bool
    ) {
        self.descriptor = descriptor
        self.source = source
        self.state = state
        self.demand = demand
        self.isRival = isRival
    }

    /// The name of its file in `ingest/`.
    var ingestName: String {
        let name = Ingest.name(descriptor.digest)
        return isRival ? "\(name)-\(descriptor.size)" : name
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

    /// Whether somebody would have it from a source that has not been too slow yet; its own has its turn but once.
    var hasFasterSource: Bool {
        !outpaced.contains(source.place) && others.contains { !outpaced.contains($0.place) }
    }

    /// The same from another source, after what its own has failed with; `nil` where there is none.
    func next(after error: any Error) -> Download? {
        let isOutpaced = error is Pace.Outpaced
        guard isOutpaced || Self.isOfSource(error),
            let index = others.firstIndex(where: { !isOutpaced || !outpaced.contains($0.place) })
        else { return nil }
        var result = self
        result.source = result.others.remove(at: index)
        if isOutpaced {
            // It is asked again where the others fail.
            result.outpaced.insert(source.place)
            result.others.append(source)
        } else {
            result.failed.insert(source.place)
        }
        return result
    }

    /// Whether a failure says something about the source alone, so that another one may have the blob.
    private static func isOfSource(_ error: any Error) -> Bool {
        switch error {
        case let error as CacheError: error.kind == .digestMismatch
        case is CancellationError, is Demand.Dropped, is SystemError: false
        default: true
        }
    }
}
