import OCI

/// One blob on its way into the cache.
struct Download: Sendable {
    let descriptor: Descriptor
    let source: any ContentSource
    let state: DownloadState
    /// What it goes on for; `nil` for one that goes on whoever leaves.
    var demand: Demand?

    /// What is left of one that nobody wants may as well come when it is so little, in bytes.
    private static let small: Int64 = 8 << 20

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
}
