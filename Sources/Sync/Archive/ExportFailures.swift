import Cache

/// What failed of an export: everything that did is named, not the first alone.
struct ExportFailures {
    private var failures: [(what: String, error: any Error)] = []

    /// Runs what may fail for one image and go on for others.
    ///
    /// - Throws: what would fail for the others too: the cache's errors, and `CancellationError`.
    static func outcome(
        _ body: () async throws -> ImageAssembly.Outcome
    ) async throws -> ImageAssembly.Outcome {
        do {
            return try await body()
        } catch let error where !(error is CacheError || error is CancellationError) {
            return .failed(error)
        }
    }

    mutating func add(_ what: String, _ error: any Error) {
        failures.append((what, error))
    }

    /// - Throws: the error of a single failure; ``ExportError`` (`several`) for more.
    func check() throws {
        guard let first = failures.first else { return }
        guard failures.count > 1 else { throw first.error }
        throw ExportError(.several(failures.map { ($0.what, "\($0.error)") }))
    }
}
