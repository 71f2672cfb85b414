/// Runs a body to its end also where the task has been cancelled, and waits for it: what must be written in the end.
///
/// - Returns: what the body returns.
/// - Throws: what the body throws.
package func uncancelled<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    // What cancels the task that waits does not reach this one.
    try await Task { try await body() }.value
}
