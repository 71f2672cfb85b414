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
    private var trials: [String: Pace.Trial] = [:]

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

    /// Whether somebody would have it from a source that is worth a try in the place of its own.
    func isOutpaced(_ pace: Pace) -> Bool { others.contains { pace.isOutpaced(at: source, by: $0, trials[$0.place]) } }

    /// The same from another source, after what its own has failed with; `nil` where there is none.
    ///
    /// That is one that was not slow yet, or was the least slow; its own where it was ended as nobody wanted it, and somebody
    /// does by now.
    func next(after error: any Error) -> Download? {
        if error is Demand.Dropped { return demand?.isWanted == true ? self : nil }
        let pace = (error as? Pace.Outpaced)?.pace
        guard pace != nil || Self.isOfSource(error) else { return nil }
        let possible = others.indices.filter { index in
            pace?.isOutpaced(at: source, by: others[index], trials[others[index].place]) ?? true
        }
        guard let index = possible.min(by: { rank(others[$0]) < rank(others[$1]) }) else {
            return pace == nil ? nil : self
        }
        var result = self
        result.source = result.others.remove(at: index)
        if let pace {
            result.trials[source.place, default: Pace.Trial()].times += 1
            result.trials[source.place]?.rate = pace.rate
            result.others.append(source)
        } else {
            result.failed.insert(source.place)
        }
        return result
    }

    private func rank(_ source: any ContentSource) -> (Int, Int, Int64) {
        let trial = trials[source.place]
        return (source.isHeldBack ? 1 : 0, trial == nil ? 0 : 1, -(trial?.rate ?? 0))
    }

    /// Whether a failure says something about the source alone, so that another one may have the blob.
    private static func isOfSource(_ error: any Error) -> Bool {
        switch error {
        case let error as CacheError: error.kind == .digestMismatch
        case is CancellationError, is SystemError: false
        default: true
        }
    }
}
