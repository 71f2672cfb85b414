extension Sequence where Element: Sendable {
    /// Runs a body for each element, at most so many at a time; the first failure cancels the others and is thrown.
    package func forEach(
        limit: Int,
        _ body: @escaping @Sendable (Element) async throws -> Void
    ) async throws {
        _ = try await map(limit: limit, body)
    }

    /// What a body returns for each element, in the sequence's order, at most so many at a time.
    ///
    /// The first failure cancels the others and is thrown. Of the sequence no more is read than is under way.
    package func map<Result: Sendable>(
        limit: Int,
        _ body: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            defer { group.cancelAll() }
            var results: [(Int, Result)] = []
            for (position, element) in enumerated() {
                if position >= Swift.max(1, limit), let result = try await group.next() { results.append(result) }
                group.addTask { (position, try await body(element)) }
            }
            for try await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
