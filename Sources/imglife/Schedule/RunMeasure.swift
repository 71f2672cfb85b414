import Sync
import Synchronization

/// What the metrics file says of one run, once: of one that failed before there was a report too.
final class RunMeasure: Sendable {
    private let file: MetricsFile?
    private let isTold = Atomic(false)

    /// - Parameter path: `nil` where nobody wants to know.
    init(_ path: String?) {
        file = path.map(MetricsFile.init)
    }

    /// - Throws: as ``MetricsFile/write(_:hasFailed:)``.
    func tell(_ report: SyncReport, hasFailed: Bool) async throws {
        isTold.store(true, ordering: .relaxed)
        try await file?.write(report, hasFailed: hasFailed)
    }

    /// Runs a body, and tells that the run has failed where it throws without having told anything.
    ///
    /// - Throws: what the body throws.
    func watching<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            // Why the run failed matters more than that this cannot be written either.
            if !isTold.load(ordering: .relaxed) { try? await tell(SyncReport(), hasFailed: true) }
            throw error
        }
    }
}
