import FoundationEssentials

/// When a cache was verified last, and what came of it.
package struct LastVerification: Codable, Hashable, Sendable {
    /// Seconds since 1970.
    package let endedAt: Int64
    package let blobs: Int
    /// Blobs that were damaged or missing, and were not repaired at once.
    package let bad: Int
    /// Whether no blob was left out.
    package let isWhole: Bool
}

extension Verifier {
    private static let lastKey = "last verification"

    /// Notes how a verification ended.
    ///
    /// Nothing is noted where the cache cannot be written, or the disk is full. Safe to repeat.
    ///
    /// - Throws: ``CacheError``.
    package func note(blobs: Int, bad: Int, isWhole: Bool) async throws {
        guard !store.isReadOnly else { return }
        let result = LastVerification(endedAt: store.now, blobs: blobs, bad: bad, isWhole: isWhole)
        let text = String(decoding: try JSONEncoder().encode(result), as: UTF8.self)
        do {
            try await Reclaiming.forbidding {
                try await store.index.write { try $0.meta.set(Self.lastKey, to: text) }
            }
        } catch let error as CacheError where error.kind == .diskFull {
            // What was found is to be told all the same.
        }
    }

    /// How the last verification ended that came to an end of its own.
    ///
    /// - Returns: `nil` when there was none.
    /// - Throws: ``CacheError``.
    package func lastResult() async throws -> LastVerification? {
        try await store.index.read { try $0.meta.value(of: Self.lastKey) }.flatMap {
            try? JSONDecoder().decode(LastVerification.self, from: Data($0.utf8))
        }
    }
}
